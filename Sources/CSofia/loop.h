// Shared by the C files of this target: the loop's insides.
#pragma once
#include <sofia-sip/su_wait.h>
#include "sofia_loop.h"

struct sofia_loop {
  su_root_t *root;
  int wake_fd;
  int wake_index;
  su_wait_t wait[1];
  void *context;
  void (*woken)(void *context);
};
