// What libholdfast_preload.so, which carries only the hook and the recorder, shows to libholdfast_session.so, which reads
// them. In a program that embeds Holdfast both are one and the mark means nothing. Paths taken on every allocation are
// not marked: they stay hidden, and fast.
#pragma once

#define HOLDFAST_SHARED __attribute__((visibility("default")))
