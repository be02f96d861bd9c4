#include "chains/dump.h"

#include <gtest/gtest.h>

#include "chains/explain.h"

namespace holdfast::chains {
namespace {

const char kSmall[] =
    R"json({"schema":"holdfast.holders/1","process":7,"is_exact":true,"live_blocks":3,"live_bytes":300,
  "examined":3,"way":"helper","passes":2,"scanned_bytes":4096,"blocks_followed":5,"own_bytes":1,"cpu_ms":1,"wall_ms":2,
  "cut_by_memory":false,"cut_by_time":false,
  "chains":[
    {"count":1,"end":"root","root":{"kind":"global","at":"0x1010","is_runtime":false},"block":"0x9000",
     "links":[{"at":"0x1010","offset":0,"start":"0x9000","size":100,"repeat":1,"site":0,"type":"3Foo","words":["0x1"],
               "around":["0x9000","0x0","0x0","0x0"]}]},
    {"count":1,"end":"root","root":{"kind":"global","at":"0x1010"},"block":"0x9100",
     "links":[{"at":"0x1010","offset":0,"start":"0x9100","size":100,"repeat":1,"site":0,"type":"3Foo"}]},
    {"count":1,"end":"lost","block":"0x9200","links":[]}],
  "sites":[{"key":"0x5","stack":[{"address":"0x123","name":"make()"}]}],
  "modules":[{"path":"/no/such/server","build_id":"ab","bias":"0x1000","segments":[["0x1000","0x3000"]]}],
  "threads":[{"id":7,"name":"main","sp":"0x0","pc":"0x0","control_block":"0x0"}],"tls":[]})json";

TEST(Dumps, AreDecodedAndAlikeChainsCountedTogether) {
  const Result<Dump> dump = decode_dump(kSmall);
  ASSERT_TRUE(dump.ok());
  EXPECT_EQ(dump->chains.size(), 3u);
  const diagnose::Holders holders = explain(*dump);
  ASSERT_EQ(holders.chains.size(), 2u);
  EXPECT_EQ(holders.chains[0].count, 2u);
  EXPECT_EQ(holders.chains[0].kind, diagnose::RootKind::global);
  EXPECT_EQ(diagnose::one_line(holders.chains[0]), "global server+0x10 -> Foo");
  EXPECT_EQ(holders.chains[0].steps[0].allocated_in, "make()");
  EXPECT_EQ(holders.chains[1].kind, diagnose::RootKind::nothing);
}

TEST(Dumps, ThatAreBrokenAreRefused) {
  const std::string whole = kSmall;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(decode_dump(whole.substr(0, length)).ok()) << length;
  }
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = whole;
    changed.replace(changed.find(from), from.size(), to);
    return decode_dump(changed).ok();
  };
  EXPECT_TRUE(with("\"repeat\":1", "\"repeat\":2"));
  EXPECT_FALSE(with("\"site\":0", "\"site\":1"));
  EXPECT_FALSE(with("\"0x1010\"", "\"zz\""));
  EXPECT_FALSE(with("\"live_blocks\":3", "\"live_blocks\":-3"));
  EXPECT_FALSE(with("holdfast.holders/1", "holdfast.holders/9"));
  EXPECT_FALSE(with("[[\"0x1000\",\"0x3000\"]]", "[[\"0x1000\"]]"));
  EXPECT_FALSE(with("\"tls\":[]", "\"tls\":{}"));
}

}  // namespace
}  // namespace holdfast::chains
