// internal.h: shared by the C files of this target.
#pragma once

/// Gives the terminal back with async-signal-safe calls only.
void cncurses_emergency_restore(void);
/// Puts the original standard error back with async-signal-safe calls only.
void cncurses_emergency_restore_stderr(void);
