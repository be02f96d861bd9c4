#include "base/units.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace holdfast::base {
namespace {

using namespace std::chrono_literals;

TEST(ParseBytes, TakesBinaryAndDecimalUnitsInAnyCase) {
  const std::vector<std::pair<const char*, std::uint64_t>> cases = {
      {"0", 0},
      {"4096", 4096},
      {"17B", 17},
      {"512KiB", 512 * 1024},
      {"512kib", 512 * 1024},
      {"512k", 512 * 1024},
      {"1kB", 1000},
      {"64 MiB", 64 << 20},
      {" 64MiB ", 64 << 20},
      {"1.5GB", 1'500'000'000},
      {"1.5GiB", 3ull << 29},
      {"0.5 k", 512},
      {"2T", 2ull << 40},
      {"2TB", 2'000'000'000'000},
  };
  for (const auto& [text, bytes] : cases) {
    const auto parsed = parse_bytes(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().what;
    EXPECT_EQ(*parsed, bytes) << text;
  }
}

TEST(ParseBytes, RefusesWhatIsNoSizeAndSaysHowToWriteOne) {
  for (const char* text : {"", " ", "KiB", "12Q", "12KiBs", "-5", "-5KiB", "+5", "1e9", "0x10", "nan", "inf",
                           "1 2", "1KiB2", "1,5GB", "9000000TiB", "1e400", "12 KiB extra", "5MiB 3KiB"}) {
    const auto parsed = parse_bytes(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_NE(parsed.error().what, "") << text;
    EXPECT_NE(parsed.error().hint, "") << text;
  }
}

TEST(ParseBytes, QuotesNoMoreThanALineOfALongWrongText) {
  const auto parsed = parse_bytes(std::string(100'000, 'x'));
  ASSERT_FALSE(parsed.ok());
  EXPECT_LT(parsed.error().what.size(), 100u);
}

TEST(ParseDuration, TakesOneOrSeveralNumbersWithUnits) {
  const std::vector<std::pair<const char*, std::chrono::nanoseconds>> cases = {
      {"0", 0ns},
      {"7ns", 7ns},
      {"250us", 250us},
      {"250ms", 250ms},
      {"10s", 10s},
      {"10 s", 10s},
      {"15min", 15min},
      {"15m", 15min},
      {"1h", 1h},
      {"1.5h", 90min},
      {"1h30min", 90min},
      {"1h 30 min", 90min},
      {"7d", std::chrono::hours{7 * 24}},
  };
  for (const auto& [text, duration] : cases) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().what;
    EXPECT_EQ(parsed->count(), duration.count()) << text;
  }
}

TEST(ParseDuration, RefusesABareNumberAndEverythingElseWithoutAUnit) {
  for (const char* text :
       {"", "10", "s", "-1s", "1y", "1hour", "1h30", "nan s", "1e30s", "300y", "110000d"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_NE(parsed.error().hint, "") << text;
  }
}

TEST(FormatBytes, PicksTheUnitThatReadsBest) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(-0.0), "0 B");
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(3.7), "3.7 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1023.99), "1.0 KiB");
  EXPECT_EQ(format_bytes(64 * 1024), "64.0 KiB");
  EXPECT_EQ(format_bytes(1.5 * 1024 * 1024), "1.5 MiB");
  EXPECT_EQ(format_bytes(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(format_bytes(-3.2 * 1024 * 1024 * 1024), "-3.2 GiB");
  EXPECT_EQ(format_bytes(1e30), "888178419700125.2 PiB");
}

TEST(FormatBytes, ReadsBackAsTheSameSize) {
  for (const std::uint64_t bytes : {0ull, 1ull, 1023ull, 1024ull, 65536ull, 3ull << 19, 1ull << 40}) {
    const auto parsed = parse_bytes(format_bytes(static_cast<double>(bytes)));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, bytes);
  }
}

TEST(FormatGrowth, AlwaysCarriesASign) {
  EXPECT_EQ(format_growth(48.0 * 1024 * 1024), "+48.0 MiB");
  EXPECT_EQ(format_growth(-1024), "-1.0 KiB");
  EXPECT_EQ(format_growth(0), "+0 B");
}

TEST(FormatDuration, PicksTheUnitThatReadsBest) {
  EXPECT_EQ(format_duration(0ns), "0 s");
  EXPECT_EQ(format_duration(12ns), "12 ns");
  EXPECT_EQ(format_duration(850us), "850 us");
  EXPECT_EQ(format_duration(12ms), "12 ms");
  EXPECT_EQ(format_duration(1s), "1 s");
  EXPECT_EQ(format_duration(450s), "7.5 min");
  EXPECT_EQ(format_duration(30min), "30 min");
  EXPECT_EQ(format_duration(150min), "2.5 h");
  EXPECT_EQ(format_duration(std::chrono::hours{24 * 31}), "31 d");
  EXPECT_EQ(format_duration(-90s), "-1.5 min");
}

TEST(FormatRate, TellsLeaksByTheHourAndFloodsByShorterPeriods) {
  EXPECT_EQ(format_rate(48.0 * 1024 * 1024 / 3600), "48.0 MiB/h");
  EXPECT_EQ(format_rate(-1024.0 / 3600), "-1.0 KiB/h");
  EXPECT_EQ(format_rate(0), "0 B/h");
  EXPECT_EQ(format_rate(2.0 * 1024 * 1024), "120.0 MiB/min");
  EXPECT_EQ(format_rate(512.0 * 1024 * 1024), "512.0 MiB/s");
}

TEST(FormatCount, SetsThousandsApart) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(-1'234'567), "-1,234,567");
  EXPECT_EQ(format_count(-123), "-123");
}

}  // namespace
}  // namespace holdfast::base
