// The event loop (su_root) that the SIP thread runs. Every function is for the loop's own thread except sofia_loop_wake.
#pragma once

typedef struct sofia_loop sofia_loop;

/// Creates the loop on the calling thread, which from then on is the loop's thread. `woken` is called on that thread
/// before every wait for events. NULL when the system refuses (file descriptors, memory).
sofia_loop *sofia_loop_create(void *context, void (*woken)(void *context));
/// Runs until sofia_loop_break.
void sofia_loop_run(sofia_loop *loop);
void sofia_loop_break(sofia_loop *loop);
void sofia_loop_destroy(sofia_loop *loop);
/// From any thread: ends the wait, so that `woken` is called soon.
void sofia_loop_wake(sofia_loop *loop);
/// Sofia's own log, which goes to stderr: 0 (silent, the start value) to 9.
void sofia_set_log_level(int level);
