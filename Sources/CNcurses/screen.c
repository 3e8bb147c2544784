// screen.c: the screen through ncursesw, and around it for clusters whose width terminals disagree on.
#define _GNU_SOURCE
#define NCURSES_WIDECHAR 1
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
// term.h makes a macro of this word.
#undef columns
#include "CNcurses.h"
#include "internal.h"

// Bracketed paste; reports of the focus; presses and the wheel of the mouse, in SGR form. In xterm's numbers.
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"
#define MOUSE_ON "\033[?1004h\033[?1000h\033[?1006h"
#define MOUSE_OFF "\033[?1006l\033[?1000l\033[?1004l"
// OSC 2, and xterm's stack of titles.
#define TITLE_KEEP "\033[22;2t"
#define TITLE_BACK "\033]2;\033\\\033[23;2t"
// OSC 11 and DA1.
#define ASK_BACKGROUND "\033]11;?\033\\\033[c"
// DECAWM. Terminals know it even where their terminfo entry does not say so.
#define WRAP_OFF "\033[?7l"
#define WRAP_ON "\033[?7h"

static SCREEN *terminal;
static struct termios original_mode;
static volatile int taken;  // the terminal is in our mode now: read by signal handlers
static int with_mouse, with_title, is_xterm_like;
static char restore_sequence[256];
static size_t restore_length;

static char *out;  // bytes of the overlay being made
static size_t out_count, out_capacity;

static void write_all(const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(STDOUT_FILENO, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes += written;
    count -= (size_t)written;
  }
}

static int out_byte(int byte) {
  if (out_count == out_capacity) {
    size_t larger = out_capacity ? out_capacity * 2 : 4096;
    char *grown = realloc(out, larger);
    if (!grown) return EOF;
    out = grown;
    out_capacity = larger;
  }
  out[out_count++] = (char)byte;
  return byte;
}

static void out_text(const char *text) {
  while (*text) out_byte((unsigned char)*text++);
}

static void out_capability(const char *capability) {
  if (capability) tputs(capability, 1, out_byte);
}

static void append_restore(const char *capability) {
  if (!capability) return;
  while (*capability) {
    // Padding, as "$<50>", is for tputs; a signal handler sends the rest without it.
    const char *end = strncmp(capability, "$<", 2) == 0 ? strchr(capability, '>') : NULL;
    if (end) {
      capability = end + 1;
      continue;
    }
    if (restore_length == sizeof restore_sequence) return;
    restore_sequence[restore_length++] = *capability++;
  }
}

// Without an alternate screen the shell would write over what stands there, and others could read it.
static void clear_what_stays(void) {
  if (enter_ca_mode && exit_ca_mode) return;
  out_count = 0;
  out_capability(clear_screen);
  write_all(out, out_count);
  out_count = 0;
}

static void at_exit(void) { cncurses_stop(); }

static void modes_on(void) {
  write_all(PASTE_ON, sizeof PASTE_ON - 1);
  if (with_mouse) write_all(MOUSE_ON, sizeof MOUSE_ON - 1);
}

static void title_keep(void) {
  if (with_title) write_all(TITLE_KEEP, sizeof TITLE_KEEP - 1);
}

static void modes_off(void) {
  if (with_mouse) write_all(MOUSE_OFF, sizeof MOUSE_OFF - 1);
  write_all(PASTE_OFF, sizeof PASTE_OFF - 1);
  if (with_title) write_all(TITLE_BACK, sizeof TITLE_BACK - 1);
}

// Others, as the Linux console, may write what they do not know on the screen.
static int knows_osc(void) {
  const char *status_line = tigetstr("tsl");
  return tigetflag("XT") == 1 || (status_line && status_line != (char *)-1 && strncmp(status_line, "\033]", 2) == 0);
}

int cncurses_start(int mouse, int title) {
  static int registered;
  if (terminal) return 0;
  setlocale(LC_CTYPE, "");
  // ncurses takes text in the locale's encoding and ours is UTF-8 always.
  if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
  if (tcgetattr(STDIN_FILENO, &original_mode) != 0) return -1;
  // ncurses starts on a terminal whose cursor cannot be moved, too ("dumb"), and writes everything into one line.
  int found = 0;
  if (setupterm(NULL, STDOUT_FILENO, &found) != OK) return found == 1 ? -1 : -2;
  int is_movable = cursor_address != NULL;
  del_curterm(cur_term);
  if (!is_movable) return -1;
  terminal = newterm(NULL, stdout, stdin);
  if (!terminal) return -1;
  raw();
  noecho();
  nonl();
  typeahead(-1);  // never break off a refresh because keys wait
  scrollok(stdscr, FALSE);
  if (has_colors()) {
    start_color();
    use_default_colors();
  }
  with_mouse = mouse && key_mouse;
  is_xterm_like = knows_osc();
  with_title = title && is_xterm_like;
  restore_length = 0;
  if (with_mouse) append_restore(MOUSE_OFF);
  append_restore(PASTE_OFF);
  if (with_title) append_restore(TITLE_BACK);
  append_restore(exit_attribute_mode);
  append_restore(WRAP_ON);
  append_restore(cursor_normal);
  append_restore(enter_ca_mode && exit_ca_mode ? exit_ca_mode : clear_screen);
  taken = 1;
  title_keep();
  modes_on();
  if (!registered) registered = atexit(at_exit) == 0;
  return 0;
}

int cncurses_has_title(void) { return taken && with_title; }

int cncurses_ask_background(void) {
  if (!taken || !is_xterm_like) return 0;
  write_all(ASK_BACKGROUND, sizeof ASK_BACKGROUND - 1);
  return 1;
}

void cncurses_pause(void) {
  if (!terminal || !taken) return;
  modes_off();
  curs_set(1);
  endwin();
  clear_what_stays();
  taken = 0;
}

void cncurses_continue(void) {
  if (!terminal) return;
  clearok(curscr, TRUE);
  refresh();  // leaves the mode of endwin
  raw();
  taken = 1;
  title_keep();
  modes_on();
}

void cncurses_stop(void) {
  if (!terminal) return;
  cncurses_pause();
  delscreen(terminal);
  terminal = NULL;
  free(out);
  out = NULL;
  out_count = out_capacity = 0;
}

void cncurses_emergency_restore(void) {
  if (!taken) return;
  taken = 0;
  write_all(restore_sequence, restore_length);
  tcsetattr(STDIN_FILENO, TCSANOW, &original_mode);
}

int cncurses_colors(void) { return has_colors() && COLORS > 0 ? COLORS : 0; }

void cncurses_resize(int rows, int columns) {
  resizeterm(rows, columns);
  clearok(curscr, TRUE);
}

void cncurses_repaint(void) {
  // After a stop that could not be caught the shell has left its own modes.
  reset_prog_mode();
  modes_on();
  clearok(curscr, TRUE);
}

void cncurses_repaint_row(int row) { wredrawln(stdscr, row, 1); }

void cncurses_put(int row, int column, const char *text, int attributes, int foreground, int background) {
  attr_t mode = A_NORMAL;
  if (attributes & CNCURSES_BOLD) mode |= A_BOLD;
  if (attributes & CNCURSES_DIM) mode |= A_DIM;
  if (attributes & CNCURSES_UNDERLINE) mode |= A_UNDERLINE;
  if (attributes & CNCURSES_REVERSE) mode |= A_REVERSE;
  int pair = 0;
  if (has_colors() && (foreground >= 0 || background >= 0)) {
    pair = alloc_pair(foreground, background);
    if (pair < 0) pair = 0;
  }
  attr_set(mode, 0, &pair);
  mvaddstr(row, column, text);
}

void cncurses_refresh(int cursor_row, int cursor_column) {
  curs_set(cursor_row >= 0 ? 1 : 0);
  if (cursor_row >= 0) move(cursor_row, cursor_column);
  refresh();
}

void cncurses_overlay_begin(void) {
  out_count = 0;
  // ncurses must find cursor and attributes as it left them.
  out_capability(save_cursor);
  // A cluster wider than planned must not run over into the next row.
  out_text(WRAP_OFF);
}

void cncurses_overlay(int row, int column, const char *text, int attributes, int foreground, int background) {
  if (!cursor_address || !save_cursor || !restore_cursor) return;
  out_capability(tparm(cursor_address, row, column));
  out_capability(exit_attribute_mode);
  if (attributes & CNCURSES_BOLD) out_capability(enter_bold_mode);
  if (attributes & CNCURSES_DIM) out_capability(enter_dim_mode);
  if (attributes & CNCURSES_UNDERLINE) out_capability(enter_underline_mode);
  if (attributes & CNCURSES_REVERSE) out_capability(enter_reverse_mode);
  if (foreground >= 0 && set_a_foreground) out_capability(tparm(set_a_foreground, foreground));
  if (background >= 0 && set_a_background) out_capability(tparm(set_a_background, background));
  out_text(text);
}

void cncurses_overlay_link(const char *target, uint32_t id) {
  if (!cursor_address || !save_cursor || !restore_cursor) return;
  char parameters[24] = "";
  if (*target) snprintf(parameters, sizeof parameters, "id=%08x", (unsigned)id);
  out_text("\033]8;");
  out_text(parameters);
  out_text(";");
  out_text(target);
  out_text("\033\\");
}

void cncurses_overlay_end(void) {
  out_capability(exit_attribute_mode);
  out_text(WRAP_ON);
  out_capability(restore_cursor);
  write_all(out, out_count);
  out_count = 0;
}

void cncurses_send(const char *bytes, size_t count) { write_all(bytes, count); }

void cncurses_bare(const char *bytes, size_t count) {
  if (!terminal || !taken) return;
  // Pastes stay marked: their line ends must not be taken for keys.
  if (with_mouse) write_all(MOUSE_OFF, sizeof MOUSE_OFF - 1);
  out_count = 0;
  out_capability(exit_attribute_mode);
  out_capability(clear_screen);
  write_all(out, out_count);
  out_count = 0;
  write_all(bytes, count);
}

int cncurses_window_size(int *rows, int *columns) {
  struct winsize size;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return -1;
  *rows = size.ws_row;
  *columns = size.ws_col;
  return 0;
}
