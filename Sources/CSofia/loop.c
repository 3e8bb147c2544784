// The su_root event loop behind SofiaLoop.swift: one thread, woken by an eventfd.
#define _GNU_SOURCE 1
struct sofia_loop;
#define SU_ROOT_MAGIC_T struct sofia_loop
#define SU_WAKEUP_ARG_T struct sofia_loop
#include "loop.h"
#include <sofia-sip/su_log.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

// Ends the wait; `between_waits` does the rest.
static int on_wake(su_root_magic_t *magic, su_wait_t *wait, su_wakeup_arg_t *loop) {
  uint64_t count;
  (void)magic;
  (void)wait;
  (void)!read(loop->wake_fd, &count, sizeof count);
  return 0;
}

// Work runs between two waits and never as the callback of an event. nua_create waits for events itself; inside a batch
// of events that leaves stale ones in it, and Sofia takes a stale "readable" of a stream for its end.
static void between_waits(su_prepoll_magic_t *context, su_root_t *root) {
  sofia_loop *loop = context;
  (void)root;
  loop->woken(loop->context);
}

sofia_loop *sofia_loop_create(void *context, void (*woken)(void *)) {
  static int initialised;
  if (!initialised) {
    su_init();
    sofia_set_log_level(0);
    initialised = 1;
  }
  sofia_loop *loop = calloc(1, sizeof *loop);
  if (!loop) return NULL;
  loop->context = context;
  loop->woken = woken;
  loop->root = su_root_create(loop);
  loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (!loop->root || loop->wake_fd < 0) {
    if (loop->root) su_root_destroy(loop->root);
    if (loop->wake_fd >= 0) close(loop->wake_fd);
    free(loop);
    return NULL;
  }
  // nua runs in this same thread, so that its callbacks are on the actor's executor.
  su_root_threading(loop->root, 0);
  su_wait_create(loop->wait, loop->wake_fd, SU_WAIT_IN);
  loop->wake_index = su_root_register(loop->root, loop->wait, on_wake, loop, 0);
  su_root_add_prepoll(loop->root, between_waits, loop);
  return loop;
}

void sofia_loop_run(sofia_loop *loop) { su_root_run(loop->root); }

void sofia_loop_break(sofia_loop *loop) { su_root_break(loop->root); }

void sofia_loop_wake(sofia_loop *loop) {
  uint64_t one = 1;
  // A full counter means a wake-up is already pending, so a failed write loses nothing.
  (void)!write(loop->wake_fd, &one, sizeof one);
}

void sofia_loop_destroy(sofia_loop *loop) {
  su_root_remove_prepoll(loop->root);
  su_root_deregister(loop->root, loop->wake_index);
  su_root_destroy(loop->root);
  close(loop->wake_fd);
  free(loop);
}

void sofia_set_log_level(int level) {
  extern su_log_t tport_log[], nua_log[], nta_log[], iptsec_log[];
  su_log_set_level(su_log_default, level);
  su_log_set_level(tport_log, level);
  su_log_set_level(nua_log, level);
  su_log_set_level(nta_log, level);
  su_log_set_level(iptsec_log, level);
}
