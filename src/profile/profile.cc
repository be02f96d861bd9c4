#include "profile/profile.h"

namespace holdfast::profile {

int value_index(const Profile& profile, const std::string& type) {
  for (std::size_t i = 0; i < profile.sample_types.size(); ++i) {
    if (profile.sample_types[i].type == type) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace holdfast::profile
