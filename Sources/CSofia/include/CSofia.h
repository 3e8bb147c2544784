// What Swift sees of Sofia-SIP: plain C functions, because tag lists, macros and variadics cannot be called from Swift.
// No Sofia header leaks out of this one.
#pragma once
#include "sofia_agent.h"
#include "sofia_digest.h"
#include "sofia_loop.h"
#include "sofia_message.h"
#include "sofia_server.h"
#include "sofia_tags.h"
