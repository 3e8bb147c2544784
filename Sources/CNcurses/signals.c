// signals.c: signals as bytes in a pipe, the terminal given back before a crash, and standard error out of the way.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include "CNcurses.h"
#include "internal.h"

enum { WATCHED_COUNT = 12 };
static const int watched[WATCHED_COUNT] = {
    SIGWINCH, SIGTSTP, SIGCONT, SIGTERM, SIGHUP, SIGINT, SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT,
};
static struct sigaction previous[WATCHED_COUNT];
static volatile int watching;
static volatile int event_pipe = -1;
static volatile sig_atomic_t quit_requests;
static volatile int saved_stderr = -1;

static void send_event(char event) {
  int saved_errno = errno;
  // A full pipe already holds events that make the reader look again.
  if (event_pipe >= 0 && write(event_pipe, &event, 1) < 0) {
  }
  errno = saved_errno;
}

/// Lets the signal take the course it had before: returning from the handler delivers it again.
static void take_usual_course(int signal_number) {
  cncurses_emergency_restore();
  cncurses_emergency_restore_stderr();
  for (int index = 0; index < WATCHED_COUNT; index++) {
    if (watched[index] == signal_number) sigaction(signal_number, &previous[index], NULL);
  }
  raise(signal_number);
}

static void on_signal(int signal_number) {
  switch (signal_number) {
    case SIGWINCH: send_event(CNCURSES_EVENT_RESIZE); break;
    case SIGTSTP: send_event(CNCURSES_EVENT_SUSPEND); break;
    case SIGCONT: send_event(CNCURSES_EVENT_CONTINUE); break;
    case SIGHUP:
      // The kernel and the shell both send one when a window is closed: that is one request.
      if (quit_requests == 0) {
        quit_requests = 1;
        send_event(CNCURSES_EVENT_QUIT);
      }
      break;
    case SIGTERM:
    case SIGINT:
      if (quit_requests++ == 0) send_event(CNCURSES_EVENT_QUIT);
      else take_usual_course(signal_number);
      break;
    default: take_usual_course(signal_number);
  }
}

void cncurses_watch_signals(int pipe) {
  if (watching) return;
  event_pipe = pipe;
  quit_requests = 0;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  for (int index = 0; index < WATCHED_COUNT; index++) sigaction(watched[index], &action, &previous[index]);
  watching = 1;
}

void cncurses_unwatch_signals(void) {
  if (!watching) return;
  watching = 0;
  for (int index = 0; index < WATCHED_COUNT; index++) sigaction(watched[index], &previous[index], NULL);
  event_pipe = -1;
}

void cncurses_stop_process_group(void) {
  struct sigaction ignore = {.sa_handler = SIG_IGN}, stop = {.sa_handler = SIG_DFL}, ours;
  sigset_t stop_set, mask;
  sigemptyset(&ignore.sa_mask);
  sigemptyset(&stop.sa_mask);
  sigemptyset(&stop_set);
  sigaddset(&stop_set, SIGTSTP);
  // The group's signal may reach any of our threads at any time, so we ignore that one and then stop ourselves by
  // raise(), which returns only after SIGCONT.
  sigaction(SIGTSTP, &ignore, &ours);
  kill(0, SIGTSTP);
  sigaction(SIGTSTP, &stop, NULL);
  // Dispatch's worker threads, one of which may be the main actor's, block the signal.
  pthread_sigmask(SIG_UNBLOCK, &stop_set, &mask);
  raise(SIGTSTP);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  sigaction(SIGTSTP, &ours, NULL);
}

int cncurses_redirect_stderr(const char *path) {
  if (saved_stderr >= 0) return 0;
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
  if (file < 0) return -1;
  int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (saved < 0 || dup2(file, STDERR_FILENO) < 0) {
    int cause = errno;
    close(file);
    if (saved >= 0) close(saved);
    errno = cause;
    return -1;
  }
  close(file);
  saved_stderr = saved;
  return 0;
}

void cncurses_emergency_restore_stderr(void) {
  if (saved_stderr >= 0) dup2(saved_stderr, STDERR_FILENO);
}

void cncurses_restore_stderr(void) {
  if (saved_stderr < 0) return;
  dup2(saved_stderr, STDERR_FILENO);
  close(saved_stderr);
  saved_stderr = -1;
}
