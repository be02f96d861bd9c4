// Writes a profile of 100,000 stacks, as an hour of a large server leaves behind: large_profile FILE. Used by bench/check.
#include "base/files.h"
#include "profile/pprof.h"
#include "support/profiles.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto profile = holdfast::support::server_profile(100'000, 4, /*exact=*/false);
  return holdfast::base::write_file_atomically(argv[1], holdfast::profile::encode_pprof(profile)) ? 0 : 1;
}
