// CNcurses.h: what the Swift side needs of ncursesw; curses.h itself stays in the C files (its globals and macros
// clash with Swift names).
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Columns of one Unicode scalar by the C library's table in a UTF-8 locale: 0, 1 or 2; -1 for control characters and
/// scalars the table does not know. Independent of the process's locale; callable on any thread.
int cncurses_scalar_width(uint32_t scalar);

/// Bits of the `attributes` arguments below.
enum {
  CNCURSES_BOLD = 1,
  CNCURSES_DIM = 2,
  CNCURSES_UNDERLINE = 4,
  CNCURSES_REVERSE = 8,
};

// The screen. One thread only, and only between a successful cncurses_start and cncurses_stop.

/// Takes over standard input and output: alternate screen, raw input, bracketed paste, reports of the focus and, unless
/// `mouse` is 0 or the terminal has none, of the mouse (SGR mode). Unless `title` is 0 or the terminal is no relative of
/// xterm, the window's title is kept on the terminal's stack and given back at the end. Returns 0, -1 when TERM names no
/// terminal that can place its cursor, or -2 when nothing is known of it on this machine (terminfo(5)).
int cncurses_start(int mouse, int title);
/// Whether the terminal has a title that may be set (OSC 2).
int cncurses_has_title(void);
/// Asks the terminal for the colour of its background (OSC 11), and for what it is (DA1), which is answered after it by
/// those too that do not know the first. Returns 0 when it is no terminal to be asked.
int cncurses_ask_background(void);
/// Gives the terminal back as it was. Harmless when not started.
void cncurses_stop(void);
/// As cncurses_stop but for a pause: cncurses_continue takes the terminal again and repaints everything.
void cncurses_pause(void);
void cncurses_continue(void);
/// Number of colours the terminal has: 0, 8, 16, 256 or more.
int cncurses_colors(void);
void cncurses_resize(int rows, int columns);
/// Next cncurses_refresh clears and repaints the whole screen.
void cncurses_repaint(void);
/// Next cncurses_refresh rewrites this row whatever ncurses believes to be there.
void cncurses_repaint_row(int row);
/// Writes UTF-8 text without control characters. Colours are palette indexes, or -1 for the terminal's own.
void cncurses_put(int row, int column, const char *text, int attributes, int foreground, int background);
/// Sends what has changed and rests the cursor; row -1 hides it.
void cncurses_refresh(int cursor_row, int cursor_column);
/// As cncurses_put, but past ncurses, straight to its place on the terminal: for what follows a cluster whose width
/// terminals disagree on. Between cncurses_overlay_begin and _end, after cncurses_refresh.
void cncurses_overlay_begin(void);
void cncurses_overlay(int row, int column, const char *text, int attributes, int foreground, int background);
/// What cncurses_overlay writes from here on leads to a page (OSC 8); "" ends that. `target` has printable ASCII only;
/// pieces of one link have one `id`.
void cncurses_overlay_link(const char *target, uint32_t id);
void cncurses_overlay_end(void);
/// Clears the screen and sends lines as they are, with the mouse left to the terminal, until cncurses_repaint.
void cncurses_bare(const char *bytes, size_t count);
/// Sends bytes to the terminal as they are (bell, notifications).
void cncurses_send(const char *bytes, size_t count);

// Process-wide terminal matters.

/// The terminal's size by TIOCGWINSZ of standard output. Returns 0, or -1.
int cncurses_window_size(int *rows, int *columns);

/// Bytes written to the pipe of cncurses_watch_signals.
enum {
  CNCURSES_EVENT_STOP = 0,  // never written by a handler: free for the owner of the pipe
  CNCURSES_EVENT_RESIZE = 1,
  CNCURSES_EVENT_SUSPEND = 2,
  CNCURSES_EVENT_CONTINUE = 3,
  CNCURSES_EVENT_QUIT = 4,
};

/// Installs handlers that write one event byte to `pipe` (non-blocking): SIGWINCH, SIGTSTP, SIGCONT and, as a request
/// to quit, SIGTERM, SIGHUP and SIGINT. A second SIGTERM or SIGINT, and every signal of a crash, first gives the terminal
/// back and then takes its usual course.
void cncurses_watch_signals(int pipe);
void cncurses_unwatch_signals(void);
/// Stops the process group as Ctrl-Z does and returns when it is continued.
void cncurses_stop_process_group(void);

/// Appends standard error to the file `path` (created 0600) until cncurses_restore_stderr. Returns 0, or -1 with errno.
int cncurses_redirect_stderr(const char *path);
void cncurses_restore_stderr(void);
