#include "diagnose/site.h"

#include <gtest/gtest.h>

#include "diagnose/symbol.h"

namespace holdfast::diagnose {
namespace {

// A profile of one row whose stack has these functions, leaf first.
profile::Profile stack(const std::vector<std::string>& functions, std::uint64_t base_address = 0x1000) {
  profile::Profile p;
  p.sample_types = {{"alloc_objects", "count"},
                    {"alloc_space", "bytes"},
                    {"inuse_objects", "count"},
                    {"inuse_space", "bytes"}};
  p.mappings.push_back(
      {base_address, base_address + 0x10000, 0, "/opt/server", "", true, false, false, false});
  profile::Sample sample;
  sample.values = {1, 100, 1, 100};
  for (const std::string& f : functions) {
    const auto i = static_cast<std::uint32_t>(p.functions.size());
    p.functions.push_back({f, f, "", 0});
    p.locations.push_back({0, base_address + 16 * i, {{i, 0}}, false});
    sample.locations.push_back(i);
  }
  p.samples.push_back(sample);
  return p;
}

std::string fingerprint(const std::vector<std::string>& functions, std::uint64_t base_address = 0x1000) {
  return sites_of(stack(functions, base_address))[0].fingerprint;
}

TEST(Site, IsNamedAfterTheFirstFrameThatIsNoPlumbing) {
  const Site site = sites_of(stack({"operator new(unsigned long)",
                                    "std::__new_allocator<char>::allocate(unsigned long, void const*)",
                                    "std::vector<char, std::allocator<char> >::_M_realloc_insert(int)",
                                    "app::read_body(int)", "main"}))[0];
  EXPECT_EQ(site.frames[site.named_frame].function, "app::read_body(...)");
}

TEST(Site, TellsALambdaOnceWhereItsInvokersAreInlined) {
  const std::string invoker =
      "std::__invoke_impl<void, main::{lambda()#1}>(std::__invoke_other, main::{lambda()#1}&&)";
  profile::Profile p =
      stack({"operator new(unsigned long)", "main::{lambda()#1}::operator()() const", invoker});
  const Site guessed = sites_of(p)[0];
  EXPECT_FALSE(guessed.frames[2].is_plumbing) << "without lines the invoker may hold the lambda's body";
  for (profile::Location& location : p.locations) location.lines[0].line = 7;
  const Site known = sites_of(p)[0];
  EXPECT_TRUE(known.frames[2].is_plumbing);
  EXPECT_EQ(known.frames[known.named_frame].function, "main::{lambda}");
  EXPECT_EQ(known.fingerprint, guessed.fingerprint);
}

TEST(Site, HasOneFingerprintInEveryBuild) {
  const std::string one = fingerprint(
      {"app::store(std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >)",
       "main"});
  EXPECT_EQ(one, fingerprint({"app::store(std::string)", "main"}));
  EXPECT_EQ(one, fingerprint({"app::store(std::string) [clone .isra.0]", "main"}));
  EXPECT_EQ(one, fingerprint({"app::store(std::string)", "main"}, 0x7f0000000000))
      << "address space randomisation";
  EXPECT_EQ(one, fingerprint({"operator new(unsigned long)", "app::store(std::string)", "main"}))
      << "inlined or not";
  EXPECT_NE(one, fingerprint({"app::store_all(std::string)", "main"}));
  EXPECT_NE(one, fingerprint({"app::store(std::string)", "app::other()", "main"}));
}

TEST(Site, GathersRecursionOfAnyDepth) {
  EXPECT_EQ(fingerprint({"parse(int)", "parse(int)", "main"}),
            fingerprint({"parse(int)", "parse(int)", "parse(int)", "main"}));
}

TEST(Site, WithoutNamesIsToldByItsPlaceInTheModule) {
  profile::Profile p = stack({"f"});
  p.locations[0].lines.clear();
  const Site a = sites_of(p)[0];
  EXPECT_EQ(a.name().substr(0, 8), "server+0");
  for (auto& m : p.mappings) m.start += 0x5000, m.limit += 0x5000;
  for (auto& l : p.locations) l.address += 0x5000;
  EXPECT_EQ(sites_of(p)[0].fingerprint, a.fingerprint);
}

TEST(Site, SumsRowsAndSharesLabels) {
  profile::Profile p = stack({"keep(int)", "main"});
  p.samples[0].labels = {{"tenant", "acme", 0, ""}, {"bytes", "", 100, "bytes"}};
  p.samples.push_back(p.samples[0]);
  p.samples[1].labels[0].text = "other";
  p.samples[1].values = {3, 300, 3, 300};
  const std::vector<Site> sites = sites_of(p);
  ASSERT_EQ(sites.size(), 1u);
  EXPECT_EQ(sites[0].inuse_bytes, 400);
  ASSERT_EQ(sites[0].labels.size(), 2u);
  EXPECT_EQ(sites[0].labels[0], (std::pair<std::string, double>("tenant=other", 0.75)));
}

TEST(Site, OfAProfileWithoutStacksHasAName) {
  profile::Profile p = stack({});
  EXPECT_EQ(sites_of(p)[0].name(), "[no stack]");
}

TEST(Site, IsOneLineOfCallsAndItsFunctionTheSameInEveryBuild) {
  // Two calls from two places of one function.
  profile::Profile p = stack({"operator new(unsigned long)", "keep(int)", "main"});
  p.locations.push_back(p.locations[1]);
  p.locations.back().address += 7;
  p.samples.push_back(p.samples[0]);
  p.samples[1].locations[1] = 3;
  const std::vector<Site> places = sites_of(p);
  ASSERT_EQ(places.size(), 2u);
  EXPECT_EQ(places[0].fingerprint, places[1].fingerprint);
  EXPECT_NE(places[0].place, places[1].place);
  EXPECT_EQ(sites_of(p, Grouping::function).size(), 1u);
  // What differs only in plumbing is one site.
  p.samples[1] = p.samples[0];
  p.samples[1].locations.erase(p.samples[1].locations.begin());
  EXPECT_EQ(sites_of(p).size(), 1u);
}

TEST(Site, HasOnePlaceInEveryRunOfABuild) {
  EXPECT_EQ(sites_of(stack({"f", "main"}))[0].place, sites_of(stack({"f", "main"}, 0x7f0000000000))[0].place);
}

TEST(Site, OfOnlyPlumbingIsCalledAfterIt) {
  const Site site = sites_of(stack({"operator new(unsigned long)", "std::thread::_M_start_thread(int)"}))[0];
  EXPECT_EQ(site.frames[site.named_frame].function, "operator new(...)");
}

TEST(Site, IgnoresHistoryOfNoRow) {
  profile::Profile p = stack({"f"});
  p.history.emplace();
  p.history->sites.resize(1);
  p.history->sites[0].sample = 77;
  EXPECT_FALSE(sites_of(p)[0].has_history);
}

}  // namespace
}  // namespace holdfast::diagnose
