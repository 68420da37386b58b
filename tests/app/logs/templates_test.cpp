#include "app/logs/templates.h"

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <set>

#include "app/logs/mask.h"
#include "app/logs/timestamps.h"

using namespace app;
using namespace app::logs;

namespace {

std::string masked(std::string_view message) {
  std::vector<MaskedToken> tokens;
  mask(message, tokens);
  std::string out;
  for (const MaskedToken& t : tokens) {
    if (t.space_before && !out.empty()) out += ' ';
    out += t.text;
  }
  return out;
}

// Feeds messages; gives the template id of each, in order.
std::vector<uint32_t> mine(TemplateMiner& miner, const std::vector<std::string>& messages,
                           Ticks begin = no_time, size_t batch_records = 100) {
  std::vector<uint32_t> ids;
  const auto keep = [&ids](RecordBatch&& batch) {
    for (const Record& r : batch.records) ids.push_back(r.template_id);
  };
  RecordBatch batch;
  for (size_t i = 0; i < messages.size(); ++i) {
    Record& r = batch.records.emplace_back();
    r.raw = r.message = messages[i];
    r.level = Level::info;
    if (begin != no_time) r.time = begin + Ticks(i) * ticks_per_second;
    if (batch.records.size() == batch_records || i + 1 == messages.size()) {
      miner.add(std::move(batch), keep);
      batch = {};
    }
  }
  miner.flush(keep);
  return ids;
}

std::vector<std::string> patterns_of(const std::vector<std::string>& messages) {
  TemplateMiner miner;
  mine(miner, messages);
  std::vector<std::string> out;
  for (const Template& t : miner.templates()) out.push_back(t.pattern);
  return out;
}

}  // namespace

TEST_CASE("logs/mask: values become wildcards, words stay") {
  CHECK(masked("Received block blk_-1608999687919862906 of size 91178 from /10.250.14.224") ==
        "Received block blk_<*> of size <*> from <*>");
  CHECK(masked("connect to 10.0.0.1:8080 failed after 12ms") == "connect to <*> failed after <*>");
  CHECK(masked("uid=0 tty=ssh ruser= rhost=1.2.3.4") == "uid=<*> tty=<*> ruser= rhost=<*>");
  CHECK(masked("id 3fa85f64-5717-4562-b3fc-2c963f66afa6 at 0x7fff12") == "id <*> at <*>");
  CHECK(masked("free 93.0 KB of 1.2 GB") == "free <*> of <*>");
  CHECK(masked("open https://example.org/a?b=1#c now") == "open <*> now");
  CHECK(masked("load C:\\Windows\\x.dll, then /usr/lib/y.so.") == "load <*>, then <*>.");
  CHECK(masked("from 00:11:43:e3:ba:c7 via fe80::1") == "from <*> via <*>");
  CHECK(masked("mail from bob@example.org to host db.example.com") == "mail from <*> to host <*>");
  CHECK(masked("values [1, 2, 3] and 4, 5") == "values [<*>] and <*>");
  CHECK(masked("ws=Work{10,3} and name=\"a b c\" end") == "ws=<*> and name=\"<*>\" end");
  CHECK(masked("lifetime <1 sec") == "lifetime <*>");
  CHECK(masked("down true canceled false") == "down <*> canceled <*>");
  CHECK(masked("session opened for user root") == "session opened for user root");
  CHECK(masked("illegal instruction......0") == "illegal instruction...<*>");
  CHECK(masked("") == "");
}

TEST_CASE("logs/mask: a host or a place in code is one value with the number behind its colon") {
  CHECK(masked("web.shop.fr:8443 open via gate.cn:3128 ok") == "<*> open via <*> ok");
  CHECK(masked("called by org.example.Pool.take:118 twice") == "called by <*> twice");
  CHECK(masked("heap.used:120 heap.free:7") == "heap.used:<*> heap.free:<*>");
}

TEST_CASE("logs/mask: a size is one value, its unit and its repetition in brackets with it") {
  CHECK(masked("sent 18846 bytes (18.4 KB) in 3 parts") == "sent <*> in <*> parts");
  CHECK(masked("sent 451 bytes in 3 parts") == "sent <*> in <*> parts");
  CHECK(masked("sent 451 bytes (of 900) now") == "sent <*> (of <*>) now");
}

TEST_CASE("logs/mask: the digits of a name are no number") {
  CHECK(masked("IPv6 address 3 by sha256") == "IPv6 address <*> by sha256");
}

TEST_CASE("logs/mask: a pattern masks to itself, so that stored templates can be read back") {
  for (const char* message : {"Received block blk_12 of size 9 from /10.0.0.1:5",
                              "a=1, b=2 (c) [d] \"e\" ... end.", "took 5ms <none>", "x: 1:2:3"}) {
    const std::string once = masked(message);
    CHECK(masked(once) == once);
  }
}

TEST_CASE("logs/mask: the fast hash tells apart exactly what the tokens tell apart") {
  const std::vector<std::string> messages = {"a 1",     "a 2",       "a b",  "a  3", "a=1", "a=2",
                                             "blk_1 x", "blk_-22 x", "1, 2", "1,2",  "1 2", "a:1",
                                             "a: 1",    "x...",      "x.",   "x"};
  std::map<std::string, uint64_t> seen;
  for (const std::string& m : messages) {
    std::vector<MaskedToken> tokens;
    mask(m, tokens);
    std::string key;
    for (const MaskedToken& t : tokens) key += t.text + '\x02';
    const auto [it, added] = seen.emplace(key, masked_hash(m));
    CAPTURE(m);
    CHECK(it->second == masked_hash(m));
  }
  std::set<uint64_t> hashes;
  for (const auto& [key, hash] : seen) hashes.insert(hash);
  CHECK(hashes.size() == seen.size());
}

TEST_CASE("logs/templates: a place that many words fill is a parameter, one that two fill is not") {
  std::vector<std::string> messages;
  for (const char* name : {"alice", "bob", "carol", "dave", "erin", "frank", "grace"}) {
    messages.push_back(std::string("cache entry ") + name + " was removed by request");
  }
  for (int i = 0; i < 30; ++i)
    messages.push_back(i % 2 ? "door of the rack opened at night"
                             : "door of the rack closed at night");
  const std::vector<std::string> got = patterns_of(messages);
  CHECK(got == std::vector<std::string>{"cache entry <*> was removed by request",
                                        "door of the rack closed at night",
                                        "door of the rack opened at night"});
}

TEST_CASE("logs/templates: two parameters that vary together are both found") {
  std::vector<std::string> messages;
  const char* users[] = {"ann", "ben", "cas", "dee", "eve", "fay", "gus", "hal"};
  const char* places[] = {"oslo", "rome", "bonn", "lima", "cork", "nice", "bern", "graz"};
  for (int i = 0; i < 8; ++i)
    messages.push_back(std::string("visitor ") + users[i] + " entered building " + places[i] +
                       " through the gate");
  CHECK(patterns_of(messages) ==
        std::vector<std::string>{"visitor <*> entered building <*> through the gate"});
}

TEST_CASE(
    "logs/templates: many parameters that never repeat together are found, while learning and "
    "later") {
  const auto word = [](uint32_t seed) {
    std::string out;
    for (int i = 0; i < 6; ++i) out += char('a' + (seed = seed * 1664525 + 1013904223) % 26);
    return out;
  };
  std::vector<std::string> early, late;
  for (uint32_t i = 0; i < 400; ++i) {
    early.push_back("tenant " + word(i * 3) + " moved document " + word(i * 5 + 1) +
                    " into folder " + word(i * 7 + 2) + " of the archive");
    late.push_back("batch " + word(i * 3) + " sent letter " + word(i * 5 + 1) + " towards city " +
                   word(i * 7 + 2) + " by the night train");
  }
  MinerOptions options;
  options.learn_records = 400;
  TemplateMiner miner(options);
  mine(miner, early);
  const std::vector<uint32_t> ids = mine(miner, late, no_time, 400);
  CHECK(miner.templates().size() == 2);
  CHECK(ids.front() == ids.back());
  CHECK(miner.templates()[0].pattern ==
        "tenant <*> moved document <*> into folder <*> of the archive");
}

TEST_CASE("logs/templates: the name before an equals sign is never a parameter") {
  std::vector<std::string> messages;
  for (const char* key : {"java.home", "user.name", "os.arch", "os.name", "java.vendor",
                          "user.home", "host.name", "user.dir"}) {
    messages.push_back(std::string("Client environment:") + key + "=x");
  }
  CHECK(patterns_of(messages).size() == messages.size());
}

TEST_CASE("logs/templates: lists of any length are one template") {
  std::vector<std::string> messages;
  for (int n = 1; n < 6; ++n) {
    std::string m = "ask node to delete";
    for (int i = 0; i < n; ++i) m += " blk_" + std::to_string(i * 7);
    messages.push_back(m);
  }
  CHECK(patterns_of(messages).size() == 1);
}

TEST_CASE("logs/templates: many names in a row that differ in their number are a list") {
  std::vector<std::string> messages;
  for (const char* name : {"an", "bn", "web"}) {
    std::string m = "cannot resolve the names";
    for (int i = 0; i < 4; ++i) m += std::string(" ") + name + std::to_string(i);
    messages.push_back(m);
  }
  CHECK(patterns_of(messages).size() == 1);
}

TEST_CASE("logs/templates: a rare value that is written unlike the others joins their template") {
  std::vector<std::string> messages;
  for (int i = 0; i < 40; ++i) messages.push_back("clock follows server 10.0.0." + std::to_string(i));
  messages.push_back("clock follows server LOCAL(0)");
  CHECK(patterns_of(messages).size() == 1);
  messages.back() = "clock follows server LOCAL (0)";
  CHECK(patterns_of(messages).size() == 2);
}

TEST_CASE("logs/templates: what is said of different subjects in few words stays apart") {
  std::vector<std::string> messages;
  for (const char* name : {"cupsd", "portmap", "crond", "sshd", "acpid"})
    messages.push_back(std::string(name) + " startup succeeded");
  for (const char* name : {"tickTime", "minSessionTimeout", "initLimit", "syncLimit"})
    messages.push_back(std::string(name) + " set to 20");
  CHECK(patterns_of(messages).size() == messages.size());
}

TEST_CASE("logs/templates: changes between named states stay apart") {
  const char* states[] = {"NEW", "WAITING", "STARTING", "RUNNING", "STOPPING", "FAILED", "DONE"};
  std::vector<std::string> messages;
  for (int i = 0; i < 6; ++i)
    messages.push_back(std::string("the job 17 went from state ") + states[i] + " to " + states[i + 1]);
  CHECK(patterns_of(messages).size() == messages.size());
}

TEST_CASE("logs/templates: ids go by first sight and stay when the batches are cut differently") {
  std::vector<std::string> messages;
  for (int i = 0; i < 500; ++i) {
    messages.push_back("connection from 10.0.0." + std::to_string(i % 256));
    if (i % 3 == 0) messages.push_back("worker " + std::to_string(i) + " done");
    if (i % 50 == 0) messages.push_back("rotating");
  }
  TemplateMiner a, b;
  const std::vector<uint32_t> first = mine(a, messages, no_time, 7),
                              second = mine(b, messages, no_time, 1000);
  CHECK(first == second);
  CHECK(first[0] == 0);
  CHECK(first[1] == 1);
  CHECK(first[2] == 2);
}

TEST_CASE("logs/templates: after learning new shapes join or start templates, and no id changes") {
  MinerOptions options;
  options.learn_records = 100;
  TemplateMiner miner(options);
  std::vector<std::string> messages;
  for (int i = 0; i < 100; ++i) messages.push_back("request " + std::to_string(i) + " served");
  messages.push_back("request 5 served");
  messages.push_back("disk failure on sda");
  for (const char* name : {"kiwi", "plum", "pear", "fig", "lime", "date", "melon"})
    messages.push_back(std::string("picked a fresh ") + name + " from the tree");
  const std::vector<uint32_t> ids = mine(miner, messages);
  REQUIRE(ids.size() == messages.size());
  CHECK(ids[100] == ids[0]);
  CHECK(ids[101] != ids[0]);
  CHECK(ids.back() == ids[ids.size() - 2]);
  CHECK(miner.templates().size() <= 6);
}

TEST_CASE("logs/templates: counts, rows, times, levels, samples and timeline add up") {
  std::vector<std::string> messages;
  for (int i = 0; i < 1000; ++i)
    messages.push_back(i == 700 ? "fan failed" : "tick " + std::to_string(i));
  MinerOptions options;
  options.first_row = 5000;
  TemplateMiner miner(options);
  const Ticks begin = ticks_from_date(2026, 1, 1);
  mine(miner, messages, begin);
  const std::vector<Template> got = miner.templates();
  REQUIRE(got.size() == 2);
  CHECK(got[0].count == 999);
  CHECK(got[0].first_row == 5000);
  CHECK(got[0].last_row == 5999);
  CHECK(got[0].by_level[size_t(Level::info)] == 999);
  CHECK(got[0].samples.size() == 8);
  CHECK(got[0].samples.back() > 5400);
  CHECK(got[0].timeline.size() == 64);
  uint64_t n = 0;
  for (const uint32_t count : got[0].timeline) n += count;
  CHECK(n == 999);
  CHECK(got[1].first_row == 5700);
  CHECK(got[1].first_time == begin + 700 * ticks_per_second);
  const size_t peak = size_t(std::max_element(got[1].timeline.begin(), got[1].timeline.end()) -
                             got[1].timeline.begin());
  CHECK(peak >= 43);
  CHECK(peak <= 46);
}

TEST_CASE("logs/templates: times that come out of order still find their slice") {
  TemplateMiner miner;
  RecordBatch batch;
  const Ticks begin = ticks_from_date(2026, 1, 1);
  for (int i = 999; i >= 0; --i) {
    Record& r = batch.records.emplace_back();
    r.raw = r.message = "tick";
    r.time = begin + i * ticks_per_second;
  }
  miner.add(std::move(batch), {});
  miner.flush({});
  const Template t = miner.templates().at(0);
  CHECK(t.first_time == begin);
  for (const uint32_t count : t.timeline) CHECK(count > 0);
}

TEST_CASE("logs/templates: a later run goes on with the ids of an earlier one") {
  TemplateMiner first;
  mine(first, {"worker 1 done", "connection from 10.0.0.1 refused", "worker 2 done"},
       ticks_from_date(2026, 1, 1));
  const std::vector<Template> stored = first.templates();
  MinerOptions options;
  options.first_row = 3;
  TemplateMiner second(options);
  second.restore(stored);
  const std::vector<uint32_t> ids =
      mine(second, {"connection from 10.9.9.9 refused", "new thing", "worker 77 done"},
           ticks_from_date(2026, 1, 2));
  CHECK(ids == std::vector<uint32_t>{1, 2, 0});
  const std::vector<Template> all = second.templates();
  CHECK(all[0].count == 3);
  CHECK(all[0].first_row == 0);
  CHECK(all[0].last_row == 5);
}

TEST_CASE("logs/templates: beyond the bound everything shares one template") {
  MinerOptions options;
  options.max_templates = 10;
  options.learn_records = 5;
  TemplateMiner miner(options);
  std::vector<std::string> messages;
  for (int i = 0; i < 26 * 26; ++i)
    messages.push_back(std::string(1, char('a' + i / 26)) + "q " +
                       std::string(size_t(i % 26 + 1), 'z'));
  mine(miner, messages);
  CHECK(miner.templates().size() <= 11);
}
