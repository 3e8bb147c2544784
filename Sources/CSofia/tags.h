// Shared by the C files of this target: the inside of a tag list.
#pragma once
#include <sofia-sip/su_tag.h>
#include <sofia-sip/su_tagarg.h>
#include "sofia_tags.h"

/// Always ends with TAG_END.
tagi_t *sofia_tags_list(const sofia_tags *tags);

/// For Sofia's variadic functions, which take a tag list as their last argument.
#define NEXT_TAGS(tags) TAG_NEXT((tags) ? sofia_tags_list(tags) : NULL)
