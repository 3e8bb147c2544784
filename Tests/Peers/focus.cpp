// build: g++ -std=c++17 -w "$SOURCE" -o "$OUTPUT" -llinphone++ -llinphone -lbctoolbox
// focus.cpp: a chat conference server (RFC 4579 focus) on Debian's liblinphone, the peer that rooms are tested against.
//
// liblinphone holds the rooms, as it does inside Flexisip's conference server. What it leaves to the server around it
// is here: which address a new room gets, and which devices each member has registered. The registrar sends a copy of
// every accepted REGISTER as one UDP datagram (Kamailio: corex send_udp).
//
//   focus --proxy sip:127.0.0.1:5061;transport=tcp --factory sip:conference-factory@sip.example.org --data DIRECTORY
//         [--any-device yes] [--log FILE]
//
// Listens on free loopback ports and says which on standard output, after a line for each room found in the data:
//   {"event":"listening","sip":TCP-PORT,"registrations":UDP-PORT}
// Further lines tell of registered, unregistered, room and room-closed. Ends on SIGTERM or when standard input ends.

#include <linphone++/linphone.hh>

#include <arpa/inet.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using std::list;
using std::map;
using std::shared_ptr;
using std::string;
using std::vector;
namespace lp = linphone;

// The instance in the `gr` parameter of every room address: fixed, so that rooms survive a restart on the same data.
static const char *const kInstance = "urn:uuid:00000000-0000-4000-8000-00000000f0c5";
static const int kDefaultExpires = 3600;
static const size_t kDatagramLimit = 65536;
static const int kIterationMilliseconds = 10;
static const std::chrono::seconds kRegistrationDelay{5};

static volatile sig_atomic_t stopRequested = 0;
static void requestStop(int) { stopRequested = 1; }

// MARK: JSON lines

static string quoted(const string &text) {
  string out = "\"";
  char escape[8];
  for (unsigned char byte : text) {
    if (byte == '"' || byte == '\\') { out += '\\'; out += byte; }
    else if (byte < 0x20) { snprintf(escape, sizeof escape, "\\u%04x", byte); out += escape; }
    else out += byte;
  }
  return out + "\"";
}

static void report(const string &event, const vector<std::pair<string, string>> &members) {
  std::cout << "{\"event\":" << quoted(event);
  for (auto &member : members) std::cout << "," << quoted(member.first) << ":" << quoted(member.second);
  std::cout << "}" << std::endl;
}

// MARK: The registrar's view: one REGISTER in, the account's devices out

struct Device {
  string name;
  string specs;
  time_t expires;
};

static string trimmed(const string &text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  if (first == string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

static string without(const string &characters, string text) {
  for (char character : characters) {
    for (size_t at; (at = text.find(character)) != string::npos;) text.erase(at, 1);
  }
  return text;
}

// Splits outside of quotes and angle brackets.
static vector<string> split(const string &text, char separator) {
  vector<string> parts(1);
  bool inQuotes = false;
  int brackets = 0;
  for (char character : text) {
    if (character == '"') inQuotes = !inQuotes;
    else if (!inQuotes && character == '<') brackets++;
    else if (!inQuotes && character == '>') brackets--;
    if (character == separator && !inQuotes && brackets <= 0) parts.emplace_back();
    else parts.back() += character;
  }
  return parts;
}

struct Contact {
  map<string, string> parameters;  // names in lower case, values without quotes
  bool isWildcard = false;
};

struct Registration {
  string address;  // sip:user@domain
  string userAgent;
  vector<Contact> contacts;
  int expires = kDefaultExpires;
};

static string lowercased(string text) {
  for (char &character : text) character = tolower(static_cast<unsigned char>(character));
  return text;
}

static Contact parseContact(const string &value) {
  Contact contact;
  contact.isWildcard = trimmed(value) == "*";
  vector<string> parts = split(value, ';');
  // A contact without angle brackets gives its URI parameters here too; none of them is looked at.
  for (size_t i = 1; i < parts.size(); i++) {
    size_t equals = parts[i].find('=');
    string name = lowercased(trimmed(parts[i].substr(0, equals)));
    contact.parameters[name] = equals == string::npos ? "" : without("\"", trimmed(parts[i].substr(equals + 1)));
  }
  return contact;
}

static bool parseRegister(const string &datagram, Registration &registration) {
  std::istringstream lines(datagram.substr(0, datagram.find("\r\n\r\n")));
  string line;
  if (!std::getline(lines, line) || line.rfind("REGISTER ", 0) != 0) return false;
  vector<string> headers;
  while (std::getline(lines, line)) {
    if (!line.empty() && (line[0] == ' ' || line[0] == '\t') && !headers.empty()) headers.back() += " " + trimmed(line);
    else headers.push_back(trimmed(line));
  }
  for (auto &header : headers) {
    size_t colon = header.find(':');
    if (colon == string::npos) continue;
    string name = lowercased(trimmed(header.substr(0, colon))), value = trimmed(header.substr(colon + 1));
    if (name == "to" || name == "t") {
      auto address = lp::Factory::get()->createAddress(value);
      if (!address) return false;
      registration.address = "sip:" + address->getUsername() + "@" + address->getDomain();
    } else if (name == "contact" || name == "m") {
      for (auto &part : split(value, ',')) registration.contacts.push_back(parseContact(part));
    } else if (name == "expires") {
      registration.expires = atoi(value.c_str());
    } else if (name == "user-agent") {
      registration.userAgent = value;
    }
  }
  return !registration.address.empty();
}

// Linphone names its device in the first parentheses of User-Agent.
static string deviceName(const string &userAgent) {
  size_t open = userAgent.find('('), close = userAgent.find(')', open);
  if (open == string::npos || close == string::npos || close == open + 1) return "unknown";
  return userAgent.substr(open + 1, close - open - 1);
}

// Kept in a file beside the rooms: after a restart, a member whose devices are not known would lose them all, and a
// room whose members have no device left is deleted.
class Registrar {
public:
  explicit Registrar(const string &path) : mPath(path) {
    std::ifstream file(path);
    for (string line; std::getline(file, line);) {
      vector<string> fields = split(line, '\t');
      if (fields.size() == 5) mAccounts[fields[0]][fields[1]] = Device{fields[2], fields[3], atol(fields[4].c_str())};
    }
  }

  // Returns the GRUUs of the devices that this REGISTER refreshed; those it removed are gone from `devices` then.
  vector<string> apply(const Registration &registration) {
    vector<string> refreshed;
    auto &account = mAccounts[registration.address];
    for (auto &contact : registration.contacts) {
      if (contact.isWildcard) { account.clear(); continue; }
      auto instance = contact.parameters.find("+sip.instance");
      if (instance == contact.parameters.end()) continue;  // no GRUU, so no device that a room could invite
      string gruu = registration.address + ";gr=" + without("<>", instance->second);
      auto ownExpires = contact.parameters.find("expires");
      int expires = ownExpires == contact.parameters.end() ? registration.expires : atoi(ownExpires->second.c_str());
      if (expires <= 0) {
        if (account.erase(gruu)) report("unregistered", {{"device", gruu}});
        continue;
      }
      auto offered = contact.parameters.find("+org.linphone.specs");
      string specs = offered == contact.parameters.end() ? "" : offered->second;
      account[gruu] = Device{deviceName(registration.userAgent), specs, time(nullptr) + expires};
      refreshed.push_back(gruu);
      report("registered", {{"device", gruu}, {"specs", specs}});
    }
    save();
    return refreshed;
  }

  // Forgets devices whose registration ran out; returns the accounts that lost one.
  vector<string> expire(time_t now) {
    vector<string> changed;
    for (auto &account : mAccounts) {
      size_t before = account.second.size();
      for (auto device = account.second.begin(); device != account.second.end();) {
        device = device->second.expires < now ? account.second.erase(device) : std::next(device);
      }
      if (account.second.size() != before) changed.push_back(account.first);
    }
    if (!changed.empty()) save();
    return changed;
  }

  const map<string, Device> &devices(const string &address) { return mAccounts[address]; }

private:
  void save() {
    std::ofstream file(mPath, std::ios::trunc);
    for (auto &account : mAccounts) {
      for (auto &device : account.second) {
        auto &[name, specs, expires] = device.second;
        file << account.first << '\t' << device.first << '\t' << name << '\t' << specs << '\t' << expires << '\n';
      }
    }
  }

  string mPath;
  map<string, map<string, Device>> mAccounts;  // address → GRUU → device
};

// MARK: The conference server

class ConferenceServer : public lp::CoreListener,
                         public lp::ChatRoomListener,
                         public std::enable_shared_from_this<ConferenceServer> {
public:
  ConferenceServer(const string &data, bool anyDevice) : mAnyDevice(anyDevice), mRegistrar(data + "/registrations") {}

  // Later than the callbacks that ask for it, because each of these calls may add or remove rooms and members.
  void runPending() {
    auto pending = std::move(mPending);
    mPending.clear();
    for (auto &request : pending) {
      // The copy of a REGISTER may come later than the room: the registrar has said 200 before it sends the copy.
      // A member without devices would be taken out of the room for good.
      bool mayCome = std::chrono::steady_clock::now() < request.asked + kRegistrationDelay;
      if (mRegistrar.devices(request.account).empty() && mayCome) mPending.push_back(request);
      else provideDevices(request.room, request.account);
    }
    for (auto &account : mRegistrar.expire(time(nullptr))) provideDevicesEverywhere(account);
  }

  void onDatagram(const string &datagram) {
    Registration registration;
    if (!parseRegister(datagram, registration)) return;
    auto refreshed = mRegistrar.apply(registration);
    provideDevicesEverywhere(registration.address);
    auto rooms = mWatchers[registration.address];
    for (auto &gruu : refreshed) {
      for (auto &room : rooms) {
        if (!isCompatible(room, mRegistrar.devices(registration.address).at(gruu).specs)) continue;
        if (auto device = lp::Factory::get()->createAddress(gruu)) room->notifyParticipantDeviceRegistration(device);
      }
    }
  }

  void onChatRoomStateChanged(const shared_ptr<lp::Core> &, const shared_ptr<lp::ChatRoom> &room,
                              lp::ChatRoom::State state) override {
    if (state == lp::ChatRoom::State::Instantiated) {
      room->addListener(shared_from_this());
    } else if (state == lp::ChatRoom::State::Created) {
      auto address = room->getConferenceAddress();
      report("room", {{"address", address ? address->asStringUriOnly() : ""}, {"subject", room->getSubject()}});
    } else if (state == lp::ChatRoom::State::Deleted) {
      room->removeListener(shared_from_this());
      for (auto &watchers : mWatchers) watchers.second.erase(room);
      auto address = room->getConferenceAddress();
      report("room-closed", {{"address", address ? address->asStringUriOnly() : ""}});
    }
  }

  // liblinphone proposes chatroom-<random>@<domain of the factory>; a room must also be a GRUU.
  void onConferenceAddressGeneration(const shared_ptr<lp::ChatRoom> &room) override {
    auto address = room->getConferenceAddress()->clone();
    address->setUriParam("gr", kInstance);
    room->setConferenceAddress(address);
  }

  void onParticipantRegistrationSubscriptionRequested(const shared_ptr<lp::ChatRoom> &room,
                                                      const shared_ptr<const lp::Address> &participant) override {
    mWatchers[key(participant)].insert(room);
    mPending.push_back({room, key(participant), std::chrono::steady_clock::now()});
  }

  void onParticipantRegistrationUnsubscriptionRequested(const shared_ptr<lp::ChatRoom> &room,
                                                        const shared_ptr<const lp::Address> &participant) override {
    mWatchers[key(participant)].erase(room);
  }

private:
  // A room that wants to know the devices of a member.
  struct Request {
    shared_ptr<lp::ChatRoom> room;
    string account;
    std::chrono::steady_clock::time_point asked;
  };

  static string key(const shared_ptr<const lp::Address> &address) {
    return "sip:" + address->getUsername() + "@" + address->getDomain();
  }

  // The check of Flexisip's `check-capabilities`: whoever lacks one is left out of the room, and nobody is told.
  bool isCompatible(const shared_ptr<lp::ChatRoom> &room, const string &specs) {
    if (mAnyDevice) return true;
    auto capabilities = room->getCapabilities();
    auto needs = [&](lp::ChatRoomCapabilities one) { return (capabilities & static_cast<int>(one)) != 0; };
    auto offers = [&](const char *spec) { return specs.find(spec) != string::npos; };
    return (!needs(lp::ChatRoomCapabilities::Conference) || offers("groupchat")) &&
           (!needs(lp::ChatRoomCapabilities::Encrypted) || offers("lime")) &&
           (!needs(lp::ChatRoomCapabilities::Ephemeral) || offers("ephemeral"));
  }

  void provideDevices(const shared_ptr<lp::ChatRoom> &room, const string &account) {
    list<shared_ptr<lp::ParticipantDeviceIdentity>> identities;
    for (auto &device : mRegistrar.devices(account)) {
      if (!isCompatible(room, device.second.specs)) continue;
      auto address = lp::Factory::get()->createAddress(device.first);
      if (!address) continue;
      auto identity = lp::Factory::get()->createParticipantDeviceIdentity(address, device.second.name);
      identity->setCapabilityDescriptor(device.second.specs);
      identities.push_back(identity);
    }
    room->setParticipantDevices(lp::Factory::get()->createAddress(account), identities);
  }

  void provideDevicesEverywhere(const string &account) {
    auto rooms = mWatchers[account];
    for (auto &room : rooms) provideDevices(room, account);
  }

  bool mAnyDevice;
  Registrar mRegistrar;
  map<string, std::set<shared_ptr<lp::ChatRoom>>> mWatchers;  // address of a member → rooms that asked for its devices
  vector<Request> mPending;
};

struct LogFile : lp::LoggingServiceListener {
  std::ofstream file;
  void onLogMessageWritten(const shared_ptr<lp::LoggingService> &, const string &domain, lp::LogLevel level,
                           const string &message) override {
    file << time(nullptr) << " " << domain << " " << message << std::endl;
  }
};

// MARK: Start

static int openRegistrationSocket(int &port) {
  int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (descriptor < 0 || bind(descriptor, reinterpret_cast<sockaddr *>(&address), length) != 0 ||
      getsockname(descriptor, reinterpret_cast<sockaddr *>(&address), &length) != 0) {
    perror("focus: cannot listen for registrations");
    exit(71);
  }
  port = ntohs(address.sin_port);
  return descriptor;
}

static shared_ptr<lp::Core> startCore(const string &data, const string &proxy, const string &factory,
                                      const shared_ptr<ConferenceServer> &server) {
  auto lpFactory = lp::Factory::get();
  lpFactory->setDataDir(data + "/");
  lpFactory->setConfigDir(data + "/");
  auto config = lpFactory->createConfig("");
  config->setString("sip", "bind_address", "127.0.0.1");
  // The proxy is on loopback: that this machine has no way out is no reason to wait for one.
  config->setInt("sip", "auto_net_state_mon", 0);
  config->setBool("misc", "conference_server_enabled", true);
  config->setBool("misc", "enable_one_to_one_chat_room", true);
  config->setInt("misc", "hide_empty_chat_rooms", 0);
  config->setInt("misc", "hide_chat_rooms_from_removed_proxies", 0);
  config->setString("misc", "uuid", string(kInstance).substr(sizeof "urn:uuid:" - 1));
  config->setString("storage", "backend", "sqlite3");
  config->setString("storage", "uri", data + "/conference.db");

  auto core = lpFactory->createCoreWithConfig(config, nullptr);
  core->setUserAgent("test-focus", "1");
  core->addListener(server);
  core->enableConferenceServer(true);

  const int randomPort = -1;
  auto transports = lpFactory->createTransports();
  transports->setUdpPort(0);
  transports->setTcpPort(randomPort);
  transports->setTlsPort(0);
  transports->setDtlsPort(0);
  core->setTransports(transports);

  auto params = core->createAccountParams();
  auto route = lpFactory->createAddress(proxy);
  auto identity = lpFactory->createAddress(factory);
  if (!route || !identity) {
    std::cerr << "focus: --proxy and --factory must be SIP addresses" << std::endl;
    exit(64);
  }
  params->setIdentityAddress(identity);
  params->setServerAddress(route);
  params->setRoutesAddresses({route});
  params->enableRegister(false);
  params->setConferenceFactoryUri(factory);
  auto account = core->createAccount(params);
  core->addAccount(account);
  core->setDefaultAccount(account);
  if (core->start() != 0) {
    std::cerr << "focus: liblinphone did not start; is " << data << " writable?" << std::endl;
    exit(70);
  }
  core->setNetworkReachable(true);
  return core;
}

int main(int argc, char **argv) {
  map<string, string> options;
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  for (auto required : {"--proxy", "--factory", "--data"}) {
    if (options[required].empty()) {
      std::cerr << "usage: focus --proxy URI --factory URI --data DIRECTORY [--any-device yes] [--log FILE]\n";
      return 64;
    }
  }
  signal(SIGTERM, requestStop);
  signal(SIGINT, requestStop);
  signal(SIGPIPE, SIG_IGN);
  setenv("HOME", options["--data"].c_str(), 1);

  auto log = std::make_shared<LogFile>();
  auto logging = lp::LoggingService::get();
  logging->setLogLevel(options["--log"].empty() ? lp::LogLevel::Fatal : lp::LogLevel::Message);
  if (!options["--log"].empty()) {
    log->file.open(options["--log"], std::ios::app);
    logging->addListener(log);
  }

  int registrationsPort = 0;
  int registrations = openRegistrationSocket(registrationsPort);
  auto server = std::make_shared<ConferenceServer>(options["--data"], !options["--any-device"].empty());
  auto core = startCore(options["--data"], options["--proxy"], options["--factory"], server);
  std::cout << "{\"event\":\"listening\",\"sip\":" << core->getTransportsUsed()->getTcpPort()
            << ",\"registrations\":" << registrationsPort << "}" << std::endl;

  vector<char> buffer(kDatagramLimit);
  while (!stopRequested) {
    pollfd sources[] = {{STDIN_FILENO, POLLIN, 0}, {registrations, POLLIN, 0}};
    poll(sources, 2, kIterationMilliseconds);
    if (sources[0].revents && read(STDIN_FILENO, buffer.data(), buffer.size()) <= 0) break;
    // Registrations first: most have come before what their devices send next.
    for (ssize_t size; (size = recv(registrations, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0;) {
      server->onDatagram(string(buffer.data(), size));
    }
    core->iterate();
    server->runPending();
  }
  core->removeListener(server);
  core->stop();
  return 0;
}
