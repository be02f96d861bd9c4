#include "diagnose/suppressions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnose/judge.h"
#include "support/snapshot_builder.h"

namespace holdfast::diagnose {
namespace {

using holdfast::testing::Life;
using holdfast::testing::SnapshotBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A leak in `app::Router::make_handler(int)`, and nothing else.
Diagnosis leaking() {
  std::vector<Life> lives;
  for (int i = 0; i < 2000; ++i) lives.push_back({i * 1.8, 1e18, 1000});
  return judge(SnapshotBuilder(3600, 1).site("app::Router<std::string>::make_handler(int)", lives).profile());
}

Diagnosis suppressed(const std::string& file, const std::string& today = "2026-06-01") {
  Diagnosis d = leaking();
  EXPECT_EQ(d.outcome(), Outcome::leak);
  const auto parsed = parse_suppressions(file, "file");
  EXPECT_TRUE(parsed.ok()) << parsed.error().what;
  if (parsed) suppress(d, *parsed, today);
  return d;
}

std::string entry(const std::string& fields) {
  return R"({"schema": "holdfast.suppressions/1", "suppressions": [{)" + fields + "}]}";
}

TEST(Suppressions, LeakSanitizersLinesAreReadAsTheyAre) {
  const auto parsed =
      parse_suppressions("# known\n\nleak:make_handler\r\n  leak:^libfoo.so$\nrace:other\n", "f");
  ASSERT_TRUE(parsed.ok());
  ASSERT_EQ(parsed->size(), 2u);
  EXPECT_EQ(parsed->at(0).pattern, "make_handler");
  EXPECT_EQ(parsed->at(0).where, "f:3");
  EXPECT_EQ(parsed->at(1).pattern, "^libfoo.so$");
}

TEST(Suppressions, AFindingThatAPatternCoversIsNoLeakAnyMore) {
  for (const char* file : {"leak:make_handler", "leak:Router*handler", "leak:server$",
                           "leak:Router<std::string>::make_handler(int)"}) {
    const Diagnosis d = suppressed(file);
    EXPECT_EQ(d.outcome(), Outcome::clean) << file;
    EXPECT_EQ(d.findings.at(0).suppressed_by, "file:1");
    EXPECT_THAT(d.notes, IsEmpty());
  }
}

TEST(Suppressions, OneThatCoversNothingIsTold) {
  const Diagnosis d = suppressed("leak:nothing_like_it");
  EXPECT_EQ(d.outcome(), Outcome::leak);
  EXPECT_THAT(d.notes, ElementsAre(HasSubstr("'nothing_like_it' (file:1) covers nothing here")));
}

TEST(Suppressions, AnEntryTellsWhyAndWhere) {
  const std::string fingerprint = leaking().findings.at(0).site.fingerprint;
  const Diagnosis d =
      suppressed(entry("\"fingerprint\": \"" + fingerprint +
                       R"(", "reason": "a cache", "issue": "BUG-7", "expires": "2026-12-31")"));
  EXPECT_EQ(d.outcome(), Outcome::clean);
  EXPECT_EQ(d.findings.at(0).suppressed_by, "file, entry 1: a cache [BUG-7]");
}

TEST(Suppressions, AnExpiredOneCoversNothingFromTheNextDayOn) {
  const std::string file = entry(R"("pattern": "make_handler", "reason": "r", "expires": "2026-06-01")");
  EXPECT_EQ(suppressed(file, "2026-06-01").outcome(), Outcome::clean);
  const Diagnosis late = suppressed(file, "2026-06-02");
  EXPECT_EQ(late.outcome(), Outcome::leak);
  EXPECT_THAT(late.notes, ElementsAre(HasSubstr("has expired on 2026-06-01")));
}

TEST(Suppressions, BeyondItsCapItCoversNothing) {
  const auto capped = [](const char* cap) {
    return suppressed(
        entry(std::string(R"("pattern": "make_handler", "reason": "r", "cap": ")") + cap + '"'));
  };
  EXPECT_EQ(capped("3MB").outcome(), Outcome::clean);
  EXPECT_EQ(capped("1MB").outcome(), Outcome::leak);
  EXPECT_THAT(capped("1MB").notes, ElementsAre(HasSubstr("is beyond its cap")));
}

TEST(Suppressions, WhatIsWrongIsToldWithItsPlace) {
  const auto error = [](const std::string& text) {
    const auto parsed = parse_suppressions(text, "file");
    return parsed ? std::string("accepted") : parsed.error().what;
  };
  EXPECT_EQ(error("leak:a\nsome words\n"), "file:2: no suppression");
  EXPECT_EQ(error("leak:"), "file:1: no suppression");
  EXPECT_EQ(error("{"), "file is broken JSON");
  EXPECT_EQ(error("{}"), "file has no \"schema\": \"holdfast.suppressions/1\"");
  EXPECT_EQ(error(R"({"schema": "holdfast.suppressions/1"})"), "file has no list \"suppressions\"");
  EXPECT_EQ(error(entry(R"("reason": "r")")), "file, entry 1 names no site");
  EXPECT_EQ(error(entry(R"("pattern": "p")")), "file, entry 1 gives no reason");
  EXPECT_EQ(error(entry(R"("pattern": "p", "reason": "r", "expiry": "x")")),
            "file, entry 1: unknown key 'expiry'");
  EXPECT_EQ(error(entry(R"("pattern": 7, "reason": "r")")), "file, entry 1: pattern is no string");
  EXPECT_EQ(error(entry(R"("pattern": "p", "reason": "r", "expires": "soon")")),
            "file, entry 1: 'soon' is no date");
  EXPECT_THAT(error(entry(R"("pattern": "p", "reason": "r", "cap": "much")")), HasSubstr("file, entry 1: "));
}

}  // namespace
}  // namespace holdfast::diagnose
