// SPDX-License-Identifier: Apache-2.0
// Children, the minder, inherited descriptors, signals. This program is its own minder and its own victim:
// main() below plays the part that argv[1] names.
#include "net/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "net/entropy.h"
#include "net/fds.h"
#include "net/files.h"
#include "net/minder.h"
#include "net/signals.h"
#include "net/stdio.h"
#include "net/uv_stream.h"
#include "support/reactor.h"

namespace sluice {
namespace {

using testing::open_reactor;
using testing::Recorder;
using testing::run_until;

// A started child with everything it says.
struct Started {
  Started(Reactor& reactor, ChildCommand command) {
    auto made = Child::start(reactor, command, [this](ChildExit e) { exit = e; });
    EXPECT_TRUE(made);
    if (!made) std::abort();
    child = std::move(*made);
    stdio = child->take_stdio();
    errors = child->take_stderr();
    stdio->set_handler(&out);
    errors->set_handler(&err);
  }
  [[nodiscard]] bool over() const { return exit && out.ends == 1 && err.ends == 1; }

  std::optional<ChildExit> exit;
  Recorder out;
  Recorder err;
  std::unique_ptr<Child> child;
  StreamPtr stdio;
  StreamPtr errors;
};

ChildCommand shell(const std::string& script, milliseconds grace = seconds(10)) {
  ChildCommand command;
  command.argv = {"sh", "-c", script};
  command.stop_grace = grace;
  return command;
}

// A FIFO that processes hold open for writing: its reader meets the end when the last of them is gone.
class Vigil {
 public:
  explicit Vigil(const std::string& name)
      : path_(::testing::TempDir() + "sluice-" + name + "-" + std::to_string(::getpid()) + ".fifo") {
    ::unlink(path_.c_str());
    EXPECT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    reader_ = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    // Held until the others have opened it, or the reader would see an end before the beginning.
    holder_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  }
  ~Vigil() { ::unlink(path_.c_str()); }

  // Waits until `marks` marks were written and then until nobody holds it.
  bool until_marked(Reactor& reactor, std::size_t marks) {
    auto made = UvStream::adopt_pair(reactor, std::exchange(reader_, -1), -1);
    stream_ = std::move(*made);
    stream_->set_handler(&recorder_);
    return run_until(reactor, [&] { return recorder_.bytes.size() >= marks; });
  }
  bool until_alone(Reactor& reactor) {
    holder_.close();
    return run_until(reactor, [&] { return recorder_.ends == 1; });
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  int reader_ = -1;
  Descriptor holder_;
  Recorder recorder_;
  StreamPtr stream_;
};

// A family: the child, a child of it, and one that left the session; all ignore TERM and hold the vigil open.
std::string stubborn_family(const std::string& vigil) {
  return "trap '' TERM HUP; exec 9>'" + vigil +
         "'; setsid sh -c 'printf x >&9; while :; do sleep 1000; done' & "
         "sh -c 'printf x >&9; while :; do sleep 1000; done' & printf x >&9; while :; do sleep 1000; done";
}

TEST(Child, CarriesStdinToStdoutAndTellsItsExitCode) {
  auto reactor = open_reactor();
  Started it(*reactor, shell("cat; echo done >&2; exit 7"));
  it.stdio->write("hello");
  it.stdio->shutdown();
  ASSERT_TRUE(run_until(*reactor, [&] { return it.over(); }));
  EXPECT_EQ(it.out.bytes, "hello");
  EXPECT_EQ(it.err.bytes, "done\n");
  EXPECT_EQ(it.exit->code, 7);
  EXPECT_EQ(it.exit->signal, 0);
}

TEST(Child, TellsTheSignalThatEndedIt) {
  auto reactor = open_reactor();
  Started it(*reactor, shell("kill -USR1 $$"));
  ASSERT_TRUE(run_until(*reactor, [&] { return it.over(); }));
  EXPECT_EQ(it.exit->code, 0);
  EXPECT_EQ(it.exit->signal, SIGUSR1);
}

TEST(Child, AnUnknownCommandIsOneSentenceAndExit127) {
  auto reactor = open_reactor();
  ChildCommand command;
  command.argv = {"sluice-no-such-program", "x"};
  Started it(*reactor, command);
  ASSERT_TRUE(run_until(*reactor, [&] { return it.over(); }));
  EXPECT_EQ(it.exit->code, 127);
  EXPECT_EQ(it.err.bytes, "sluice: cannot start 'sluice-no-such-program': No such file or directory\n");
}

TEST(Child, ADirectoryThatDoesNotExistIsOneSentenceToo) {
  auto reactor = open_reactor();
  ChildCommand command = shell("true");
  command.cwd = "/no/such/place";
  Started it(*reactor, command);
  ASSERT_TRUE(run_until(*reactor, [&] { return it.over(); }));
  EXPECT_EQ(it.exit->code, 127);
  EXPECT_EQ(it.err.bytes, "sluice: cannot enter '/no/such/place': No such file or directory\n");
}

TEST(Child, AnEmptyCommandIsRefused) {
  auto reactor = open_reactor();
  EXPECT_FALSE(Child::start(*reactor, {}, nullptr));
}

TEST(Child, AMinderThatCannotBeStartedIsReported) {
  auto reactor = open_reactor();
  ChildCommand command = shell("true");
  command.minder = "/no/such/minder";
  const auto child = Child::start(*reactor, command, [](ChildExit) { FAIL(); });
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, Errc::not_found);
}

TEST(Child, GetsTheEnvironmentAndDirectoryItWasGiven) {
  ::setenv("SLUICE_TEST_SECRET", "leak", 1);
  ::setenv("SLUICE_TEST_WORD", "ours", 1);
  auto reactor = open_reactor();
  ChildCommand command = shell("echo \"$SLUICE_TEST_SECRET,$SLUICE_TEST_WORD,$PWD,${PATH:+path}\"");
  command.env["SLUICE_TEST_WORD"] = "theirs";
  command.cwd = "/";
  Started inherits(*reactor, command);
  command.inherits.everything = false;
  Started plain(*reactor, command);
  ASSERT_TRUE(run_until(*reactor, [&] { return inherits.over() && plain.over(); }));
  EXPECT_EQ(inherits.out.bytes, "leak,theirs,/,path\n");
  EXPECT_EQ(plain.out.bytes, ",theirs,/,path\n");
}

TEST(Child, InheritsNothingButItsThreePipesAndNoSignalMask) {
  auto reactor = open_reactor();
  const Descriptor leaky(::open("/dev/null", O_RDONLY));  // not close-on-exec, on purpose
  Started it(*reactor, shell("ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status"));
  ASSERT_TRUE(run_until(*reactor, [&] { return it.over(); }));
  // ls itself has the directory open.
  EXPECT_EQ(it.out.bytes, "4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Child, ThatFloodsStdoutIsHeldBackByAPausedReaderAndLosesNothing) {
  auto reactor = open_reactor();
  Started it(*reactor, shell("head -c 3000000 /dev/zero"));
  it.stdio->pause();
  for (int i = 0; i < 100; ++i) reactor->turn();
  EXPECT_EQ(it.out.bytes.size(), 0U);
  EXPECT_FALSE(it.exit);
  it.stdio->resume();
  ASSERT_TRUE(run_until(*reactor, [&] { return it.over(); }));
  EXPECT_EQ(it.out.bytes.size(), 3'000'000U);
}

TEST(Child, ItsLastOutputIsReadAlthoughWritingToItFails) {
  auto reactor = open_reactor();
  Started it(*reactor, shell("echo last words; exit 3"));
  it.stdio->pause();
  ASSERT_TRUE(run_until(*reactor, [&] { return it.exit.has_value(); }));
  it.stdio->write("nobody reads this");
  for (int i = 0; i < 10; ++i) reactor->turn();
  EXPECT_FALSE(it.out.failure);
  it.stdio->resume();
  ASSERT_TRUE(run_until(*reactor, [&] { return it.out.failure.has_value(); }));
  EXPECT_EQ(it.out.bytes, "last words\n");
}

TEST(Child, TerminatingItSendsTermAndItsOwnExitCodeComesBack) {
  auto reactor = open_reactor();
  Started it(*reactor, shell("trap 'exit 5' TERM; echo ready; while :; do sleep 1000 & wait; done"));
  ASSERT_TRUE(run_until(*reactor, [&] { return it.out.bytes == "ready\n"; }));
  it.child->terminate();
  ASSERT_TRUE(run_until(*reactor, [&] { return it.over(); }));
  EXPECT_EQ(it.exit->code, 5);
}

TEST(Child, OneThatIgnoresTermIsKilledAfterTheGraceWithAllItsDescendants) {
  auto reactor = open_reactor();
  Vigil vigil("stubborn");
  Started it(*reactor, shell(stubborn_family(vigil.path()), milliseconds(50)));
  ASSERT_TRUE(vigil.until_marked(*reactor, 3));
  it.child->terminate();
  ASSERT_TRUE(run_until(*reactor, [&] { return it.exit.has_value(); }));
  EXPECT_EQ(it.exit->signal, SIGKILL);
  EXPECT_TRUE(vigil.until_alone(*reactor));
}

TEST(Child, DescendantsThatOutliveItAreEndedBeforeItsExitIsTold) {
  auto reactor = open_reactor();
  Vigil vigil("orphans");
  Started it(*reactor,
             shell("exec 9>'" + vigil.path() +
                   "'; setsid sh -c 'printf x >&9; exec sleep 1000' & printf x >&9; read line; exit 4"));
  ASSERT_TRUE(vigil.until_marked(*reactor, 2));
  it.stdio->write("go\n");
  ASSERT_TRUE(run_until(*reactor, [&] { return it.exit.has_value(); }));
  EXPECT_EQ(it.exit->code, 4);
  EXPECT_TRUE(vigil.until_alone(*reactor));
}

TEST(Child, DroppingItEndsItWithoutACallback) {
  auto reactor = open_reactor();
  Vigil vigil("dropped");
  auto it =
      std::make_unique<Started>(*reactor, shell("exec 9>'" + vigil.path() + "'; printf x >&9; sleep 1000"));
  ASSERT_TRUE(vigil.until_marked(*reactor, 1));
  it.reset();
  EXPECT_TRUE(vigil.until_alone(*reactor));
}

TEST(Child, KillingTheMinderEndsTheChild) {
  auto reactor = open_reactor();
  Vigil vigil("minder");
  Started it(*reactor, shell("exec 9>'" + vigil.path() + "'; printf x >&9; exec sleep 1000"));
  ASSERT_TRUE(vigil.until_marked(*reactor, 1));
  ::kill(it.child->pid(), SIGKILL);
  EXPECT_TRUE(vigil.until_alone(*reactor));
  ASSERT_TRUE(run_until(*reactor, [&] { return it.exit.has_value(); }));
  EXPECT_EQ(it.exit->signal, SIGKILL);
}

TEST(Child, KillingOurProcessWithKillLeavesNoProcessBehind) {
  auto reactor = open_reactor();
  Vigil vigil("killed");
  Spawn spawn;
  spawn.argv = {"net_test", "play-gateway", vigil.path()};
  std::optional<ProcessExit> exit;
  auto gateway = Process::spawn(*reactor, spawn, [&](ProcessExit e) { exit = e; });
  ASSERT_TRUE(gateway);
  ASSERT_TRUE(vigil.until_marked(*reactor, 3));
  (*gateway)->kill();
  ASSERT_TRUE(run_until(*reactor, [&] { return exit.has_value(); }));
  EXPECT_EQ(exit->signal, SIGKILL);
  EXPECT_TRUE(vigil.until_alone(*reactor));
}

// ---- Processes with inherited descriptors
// --------------------------------------------------------------------------

TEST(Process, PassesOnDescriptorsByNumberAndSharesMemory) {
  auto reactor = open_reactor();
  auto segment = SharedSegment::create(4'096);
  ASSERT_TRUE(segment);
  auto sockets = socket_pair();
  ASSERT_TRUE(sockets);
  Spawn spawn;
  spawn.argv = {"net_test", "play-worker"};
  spawn.descriptors = {{2, 2}, {3, sockets->second.number()}, {5, segment->descriptor()}};
  std::optional<ProcessExit> exit;
  auto worker = Process::spawn(*reactor, spawn, [&](ProcessExit e) { exit = e; });
  ASSERT_TRUE(worker);
  sockets->second.close();
  auto control = adopt_stream(*reactor, sockets->first.release());
  ASSERT_TRUE(control);
  Recorder recorder;
  (*control)->set_handler(&recorder);
  (*control)->write("!");
  ASSERT_TRUE(run_until(*reactor, [&] { return exit && recorder.ends == 1; }));
  EXPECT_EQ(recorder.bytes, "done");
  EXPECT_EQ(exit->code, 9);
  EXPECT_EQ(static_cast<char>(segment->memory()[100]), 'w');
  EXPECT_FALSE((*worker)->running());
}

TEST(Process, CanBeToldToTerminate) {
  auto reactor = open_reactor();
  Spawn spawn;
  spawn.program = "sleep";
  spawn.argv = {"sleep", "1000"};
  std::optional<ProcessExit> exit;
  auto process = Process::spawn(*reactor, spawn, [&](ProcessExit e) { exit = e; });
  ASSERT_TRUE(process);
  (*process)->send(Signal::terminate);
  ASSERT_TRUE(run_until(*reactor, [&] { return exit.has_value(); }));
  EXPECT_EQ(exit->signal, SIGTERM);
  (*process)->send(Signal::terminate);  // nothing happens
}

TEST(SharedSegment, RefusesWhatIsNone) {
  EXPECT_FALSE(SharedSegment::attach(::open("/dev/null", O_RDWR)));
  EXPECT_FALSE(SharedSegment::attach(-1));
}

TEST(Signals, ArriveInATurnUntilTheWatchIsDestroyed) {
  auto reactor = open_reactor();
  int first = 0;
  std::unique_ptr<SignalWatch> watch;
  auto made = watch_signal(*reactor, Signal::user1, [&] {
    ++first;
    watch.reset();
  });
  ASSERT_TRUE(made);
  watch = std::move(*made);
  int second = 0;
  auto other = watch_signal(*reactor, Signal::user1, [&] { ++second; });
  ASSERT_TRUE(other);
  ::kill(::getpid(), SIGUSR1);
  EXPECT_TRUE(run_until(*reactor, [&] { return first == 1 && second == 1; }));
  ::kill(::getpid(), SIGUSR1);
  EXPECT_TRUE(run_until(*reactor, [&] { return second == 2; }));
  EXPECT_EQ(first, 1);
}

// ---- stdio
// ---------------------------------------------------------------------------------------------------------

TEST(Stdio, KeepsTheRealStdoutForItselfAndSendsStrayPrintsToStderr) {
  auto reactor = open_reactor();
  ChildCommand command;
  command.argv = {own_executable(), "play-echo"};
  Started it(*reactor, command);
  it.stdio->write("one two three");
  it.stdio->shutdown();
  ASSERT_TRUE(run_until(*reactor, [&] { return it.over(); }));
  EXPECT_EQ(it.out.bytes, "one two three");
  EXPECT_EQ(it.err.bytes, "a stray print\n");
  EXPECT_EQ(it.exit->code, 0);
}

TEST(Stdio, WorksWithPlainFiles) {
  auto reactor = open_reactor();
  const std::string in = ::testing::TempDir() + "sluice-in-" + std::to_string(::getpid());
  const std::string out = ::testing::TempDir() + "sluice-out-" + std::to_string(::getpid());
  const std::string text(300'000, 'f');
  {
    const Descriptor file(::open(in.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(file.number(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  Started it(*reactor, shell("exec '" + own_executable() + "' play-echo <'" + in + "' >'" + out + "'"));
  ASSERT_TRUE(run_until(*reactor, [&] { return it.over(); }));
  EXPECT_EQ(it.exit->code, 0);
  const auto written = read_file(out, 1'000'000);
  ASSERT_TRUE(written);
  EXPECT_TRUE(*written == text);
  ::unlink(in.c_str());
  ::unlink(out.c_str());
}

// ---- Small things
// --------------------------------------------------------------------------------------------------

TEST(Files, ReadsASmallFileAndSaysWhyItCannot) {
  const std::string path = ::testing::TempDir() + "sluice-file-" + std::to_string(::getpid());
  {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(file.number(), "12345", 5), 5);
  }
  ASSERT_TRUE(read_file(path, 5));
  EXPECT_EQ(*read_file(path, 5), "12345");
  EXPECT_EQ(read_file(path, 4).error().code, Errc::too_large);
  ::unlink(path.c_str());
  EXPECT_EQ(read_file(path, 5).error().code, Errc::not_found);
  EXPECT_EQ(read_file(path, 5).error().message, "cannot read '" + path + "': no such file or directory");
  EXPECT_EQ(read_file("/", 5).error().code, Errc::invalid);
  ASSERT_TRUE(read_file("/proc/self/status", 100'000));
  EXPECT_GT(read_file("/proc/self/status", 100'000)->size(), 100U);
}

TEST(Entropy, FillsEveryByteAndNeverTheSame) {
  std::array<std::byte, 64> one{};
  std::array<std::byte, 64> other{};
  entropy(one);
  entropy(other);
  EXPECT_NE(one, other);
  entropy({});
}

// ---- The parts this program plays
// ----------------------------------------------------------------------------------

// A gateway with a child whose family ignores TERM, until it is killed.
int play_gateway(const std::string& vigil) {
  auto reactor = open_reactor();
  Started it(*reactor, shell(stubborn_family(vigil), milliseconds(50)));
  reactor->run();
  return 0;
}

// A worker: descriptor 3 is the control channel, 5 the shared segment, 4 and the rest are closed.
int play_worker() {
  if (::fcntl(4, F_GETFD) != -1 || ::fcntl(6, F_GETFD) != -1) return 1;
  auto segment = SharedSegment::attach(5);
  char byte = 0;
  if (!segment || ::read(3, &byte, 1) != 1) return 2;
  segment->memory()[100] = std::byte{'w'};
  return ::write(3, "done", 4) == 4 ? 9 : 3;
}

int play_echo() {
  auto reactor = open_reactor();
  auto stream = stdio_stream(*reactor);
  if (!stream) return 1;
  if (stdio_stream(*reactor)) return 2;
  std::puts("a stray print");
  std::fflush(stdout);
  Recorder recorder;
  recorder.then = [&](Bytes bytes) { (*stream)->write(bytes); };
  (*stream)->set_handler(&recorder);
  if (!run_until(*reactor, [&] { return recorder.ends == 1 && (*stream)->unsent() == 0; })) return 3;
  return recorder.failure ? 4 : 0;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  const std::string part = argc > 1 ? argv[1] : "";
  if (part == sluice::minder_verb) return sluice::run_minder(argc, argv);
  if (part == "play-gateway") return sluice::play_gateway(argv[2]);
  if (part == "play-worker") return sluice::play_worker();
  if (part == "play-echo") return sluice::play_echo();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
