#include "rooms/arrows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary.h"

namespace holdfast::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> told(const fs::path& root) {
  std::vector<std::string> lines;
  for (const BrokenArrow& arrow : broken_arrows(root)) lines.push_back(tell(arrow));
  return lines;
}

class SmallHouse : public ::testing::Test {
 protected:
  void put(const std::string& file, const std::string& text) {
    const fs::path path = fs::path(house_.path()) / file;
    fs::create_directories(path.parent_path());
    write_text(path.string(), text);
  }
  std::vector<std::string> told() const { return testing::told(house_.path()); }

 private:
  TemporaryDirectory house_;
};

TEST(Rooms, EveryIncludeOfThisTreeFollowsAnAllowedArrow) {
  EXPECT_GT(count_sources(HOLDFAST_SOURCE_DIR), 20u) << "the sources were not found";
  EXPECT_THAT(told(HOLDFAST_SOURCE_DIR), IsEmpty());
}

TEST_F(SmallHouse, AForbiddenArrowIsNamedWithItsFileAndLine) {
  put("src/profile/profile.h", "#pragma once\n");
  put("src/record/table.cc", "#include <vector>\n\n#include \"profile/profile.h\"\n");
  EXPECT_THAT(told(),
              ElementsAre("src/record/table.cc:3: record -> profile is not among the allowed arrows"));
}

TEST_F(SmallHouse, ALongWayRoundIsSeenToo) {
  put("src/serve/server.h", "");
  put("src/diagnose/a.cc", "#  include <serve/server.h>\n");
  put("src/diagnose/b.cc", "#include \"src/serve/server.h\"\n");
  put("src/diagnose/c.cc", "#include \"../serve/server.h\"\n");
  EXPECT_THAT(told(), ElementsAre("src/diagnose/a.cc:1: diagnose -> serve is not among the allowed arrows",
                                  "src/diagnose/b.cc:1: diagnose -> serve is not among the allowed arrows",
                                  "src/diagnose/c.cc:1: diagnose -> serve is not among the allowed arrows"));
}

TEST_F(SmallHouse, ThePublicDoorLeadsNowhereInside) {
  put("src/base/units.h", "");
  put("include/holdfast/holdfast.h",
      "#include <string>\n#include <holdfast/result.h>\n#include \"base/units.h\"\n");
  EXPECT_THAT(told(),
              ElementsAre("include/holdfast/holdfast.h:3: door -> base is not among the allowed arrows"));
}

TEST_F(SmallHouse, ARoomNobodyListedIsReported) {
  put("src/base/units.h", "");
  put("src/attic/box.h", "");
  put("src/attic/box.cc", "#include \"base/units.h\"\n");
  put("reports/text.cc", "#include \"attic/box.h\"\n");
  EXPECT_THAT(told(), ElementsAre("reports/text.cc:1: reports -> attic is not among the allowed arrows",
                                  "src/attic/box.cc:1: attic -> base is not among the allowed arrows"));
}

TEST_F(SmallHouse, OnlyTheComposingFilesJoinRooms) {
  put("src/hook/hook.h", "");
  put("src/serve/server.h", "");
  put("src/session.cc", "#include \"hook/hook.h\"\n#include \"serve/server.h\"\n");
  put("src/preload.cc", "#include \"hook/hook.h\"\n#include \"explain.h\"\n");
  put("src/explain.h", "#include \"serve/server.h\"\n");
  put("src/serve/server.cc", "#include \"explain.h\"\n");
  put("tools/holdfast/main.cc", "#include \"tools/holdfast/top.h\"\n#include \"serve/server.h\"\n");
  put("tools/holdfast/top.h", "");
  put("tools/holdfast/top.cc", "#include \"tools/holdfast/top.h\"\n#include \"hook/hook.h\"\n");
  EXPECT_THAT(told(),
              ElementsAre("src/serve/server.cc:1: serve -> composition is not among the allowed arrows",
                          "tools/holdfast/top.cc:2: tools -> hook is not among the allowed arrows"));
}

TEST_F(SmallHouse, LibrariesAndCommentsAreNobodysRoom) {
  put("src/serve/server.h", "");
  put("src/base/units.cc",
      "#include <nlohmann/json.hpp>\n// #include \"serve/server.h\"\n#include <record>\n");
  EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace holdfast::testing
