// limebench.cpp: liblime, timed: commands on standard input, one line with the time on standard output
// build: g++ -std=c++17 -O2 -Wall -o "$OUTPUT" "$SOURCE" -llime -lbctoolbox
//
// `limeade-bench` drives this and our own implementation by the same commands, so that they work in turns. Each command
// is answered by "= MILLISECONDS", or "! REASON"; lines that begin otherwise are liblime's own. Only the named work is
// timed, not the pipe. The key server is a table in this process. Stores are kept by NAME until they are closed.
//
//   curve 1|2                           for all that follows
//   bundles FILE                        what the key server answers: lines "DEVICE HEX", HEX being all of the device's
//                                       entry in an answer that follows the device id; handed out any number of times
//   open NAME DATABASE                  opens a store, making it if absent
//   load NAME DATABASE DEVICE           opens a store that has the device, and reads its public identity key
//   close NAME
//   create NAME DEVICE ONE-TIME-KEYS    makes and registers a device
//   encrypt NAME DEVICE LENGTH PREFIX N encrypts LENGTH bytes to PREFIX0, PREFIX1, ... with the cipher-message policy;
//                                       the messages wait for `decrypt`
//   decrypt NAME DEVICE SENDER          opens the oldest message that waits for the device
//   forget                              drops the messages that wait
//   dh N | gcm N | fsync FILE N         the time of one of N Diffie-Hellman exchanges, encryptions of 100 bytes, syncs
//   memory                              "= BYTES": what the process holds in memory
//   size DATABASE                       "= BYTES": what a closed store holds on disk
//   quit

#include <bctoolbox/crypto.h>
#include <bctoolbox/crypto.hh>
#include <fcntl.h>
#include <lime/lime.hpp>
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Bytes = std::vector<uint8_t>;

const std::string recipientUser = "sip:room@sip.example.org";

// The answer flags of the key server: with a one-time key, and no such device.
enum : uint8_t { withOneTimeKey = 1, noSuchDevice = 2 };

/// The key server: hands out prepared bundles, and one-time keys of devices that registered here.
class KeyServer {
 public:
  void setCurve(lime::CurveId curve) {
    const bool is448 = curve == lime::CurveId::c448;
    identityLength = is448 ? 57 : 32;
    keyLength = is448 ? 56 : 32;
    signatureLength = is448 ? 114 : 64;
  }

  void prepare(const std::string &device, const Bytes &entry) { prepared[device] = entry; }

  Bytes answer(const std::string &sender, const Bytes &request) {
    Bytes answer(request.begin(), request.begin() + 3);
    if (request[1] == 0x09) {
      registerDevice(sender, request);
    } else if (request[1] == 0x05) {
      answer[1] = 0x06;
      answerBundles(request, answer);
    }
    return answer;
  }

 private:
  struct Device {
    Bytes keys;  // identity, signed prekey, its id, signature: as in an answer
    std::deque<Bytes> oneTimeKeys;
  };

  void registerDevice(const std::string &sender, const Bytes &request) {
    auto at = request.begin() + 3;
    const auto take = [&at](size_t count) {
      const Bytes bytes(at, at + count);
      at += count;
      return bytes;
    };
    Device device;
    device.keys = take(identityLength + keyLength);
    const Bytes signature = take(signatureLength), id = take(4);
    device.keys.insert(device.keys.end(), id.begin(), id.end());
    device.keys.insert(device.keys.end(), signature.begin(), signature.end());
    const Bytes count = take(2);
    for (int left = count[0] << 8 | count[1]; left > 0; left--) device.oneTimeKeys.push_back(take(keyLength + 4));
    registered[sender] = device;
  }

  void answerBundles(const Bytes &request, Bytes &answer) {
    const auto append = [&answer](const Bytes &bytes) { answer.insert(answer.end(), bytes.begin(), bytes.end()); };
    size_t at = 3;
    int left = request[at] << 8 | request[at + 1];
    append({request[at], request[at + 1]});
    for (at += 2; left > 0; left--) {
      const size_t length = request[at] << 8 | request[at + 1];
      const std::string id(request.begin() + at + 2, request.begin() + at + 2 + length);
      append(Bytes(request.begin() + at, request.begin() + at + 2 + length));
      at += 2 + length;
      if (const auto known = prepared.find(id); known != prepared.end()) {
        append(known->second);
      } else if (const auto known = registered.find(id); known != registered.end()) {
        auto &device = known->second;
        answer.push_back(device.oneTimeKeys.empty() ? 0 : withOneTimeKey);
        append(device.keys);
        if (!device.oneTimeKeys.empty()) {
          append(device.oneTimeKeys.front());
          device.oneTimeKeys.pop_front();
        }
      } else {
        answer.push_back(noSuchDevice);
      }
    }
  }

  size_t identityLength = 32, keyLength = 32, signatureLength = 64;
  std::map<std::string, Bytes> prepared;
  std::map<std::string, Device> registered;
};

struct Message {
  Bytes ratchet;
  std::shared_ptr<Bytes> cipher;
};

/// Milliseconds that the work takes.
double timed(const std::function<void()> &work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

Bytes bytesOfHex(const std::string &hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes.push_back(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

class Benchmark {
 public:
  double run(const std::string &command, std::istream &words) {
    if (command == "curve") return setCurve(number(words));
    if (command == "bundles") return readBundles(word(words));
    if (command == "open") return open(words);
    if (command == "load") return load(words);
    if (command == "close") return close(words);
    if (command == "create") return create(words);
    if (command == "encrypt") return encrypt(words);
    if (command == "decrypt") return decrypt(words);
    if (command == "forget") return waiting.clear(), 0;
    if (command == "dh") return exchange(number(words));
    if (command == "gcm") return encryptRaw(number(words));
    if (command == "fsync") return sync(words);
    if (command == "memory") return memory();
    if (command == "size") return size(word(words));
    throw std::runtime_error("unknown command " + command);
  }

 private:
  static std::string word(std::istream &words) {
    std::string word;
    if (!(words >> word)) throw std::runtime_error("a word is missing");
    return word;
  }

  static int number(std::istream &words) { return std::stoi(word(words)); }

  double setCurve(int id) {
    curve = id == 2 ? lime::CurveId::c448 : lime::CurveId::c25519;
    server.setCurve(curve);
    return 0;
  }

  double readBundles(const std::string &path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    for (std::string device, hex; file >> device >> hex;) server.prepare(device, bytesOfHex(hex));
    return 0;
  }

  std::unique_ptr<lime::LimeManager> makeStore(const std::string &database) {
    return std::make_unique<lime::LimeManager>(
        database, [this](const std::string &, const std::string &sender, const Bytes &request,
                         const lime::limeX3DHServerResponseProcess &process) {
          process(200, server.answer(sender, request));
        });
  }

  lime::LimeManager &store(const std::string &name) {
    const auto found = stores.find(name);
    if (found == stores.end()) throw std::runtime_error("no store is called " + name);
    return *found->second;
  }

  double open(std::istream &words) {
    const std::string name = word(words), database = word(words);
    return timed([&] { stores[name] = makeStore(database); });
  }

  double load(std::istream &words) {
    const std::string name = word(words), database = word(words), device = word(words);
    return timed([&] {
      stores[name] = makeStore(database);
      Bytes identity;
      stores[name]->get_selfIdentityKey(device, identity);
    });
  }

  double close(std::istream &words) {
    const std::string name = word(words);
    return timed([&] { stores.erase(name); });
  }

  double create(std::istream &words) {
    const std::string name = word(words), device = word(words);
    const int keys = number(words);
    return timed([&] {
      store(name).create_user(device, "in-process", curve, static_cast<uint16_t>(keys), expectDone());
    });
  }

  double encrypt(std::istream &words) {
    const std::string name = word(words), sender = word(words);
    const auto plaintext = std::make_shared<const Bytes>(number(words), 'x');
    const std::string prefix = word(words);
    const int count = number(words);
    const auto recipients = std::make_shared<std::vector<lime::RecipientData>>();
    for (int i = 0; i < count; i++) recipients->emplace_back(prefix + std::to_string(i));
    const auto cipher = std::make_shared<Bytes>();
    const auto user = std::make_shared<const std::string>(recipientUser);
    const double time = timed([&] {
      store(name).encrypt(sender, user, recipients, plaintext, cipher, expectDone(),
                          lime::EncryptionPolicy::cipherMessage);
    });
    for (const auto &recipient : *recipients) {
      if (recipient.DRmessage.empty()) throw std::runtime_error("nothing for " + recipient.deviceId);
      waiting[recipient.deviceId].push_back({recipient.DRmessage, cipher});
    }
    return time;
  }

  double decrypt(std::istream &words) {
    const std::string name = word(words), device = word(words), sender = word(words);
    auto &messages = waiting[device];
    if (messages.empty()) throw std::runtime_error("no message waits for " + device);
    const Message message = messages.front();
    messages.pop_front();
    Bytes plaintext;
    auto status = lime::PeerDeviceStatus::fail;
    const double time = timed([&] {
      status = store(name).decrypt(device, recipientUser, sender, message.ratchet, *message.cipher, plaintext);
    });
    if (status == lime::PeerDeviceStatus::fail) throw std::runtime_error("the message does not open");
    return time;
  }

  double exchange(int count) {
    bctoolbox::RNG random;
    const auto randomBytes = [](void *context, uint8_t *bytes, size_t length) {
      static_cast<bctoolbox::RNG *>(context)->randomize(bytes, length);
      return 0;
    };
    auto *context = bctbx_CreateECDHContext(curve == lime::CurveId::c448 ? BCTBX_ECDH_X448 : BCTBX_ECDH_X25519);
    bctbx_ECDHCreateKeyPair(context, randomBytes, &random);
    const Bytes peer(context->selfPublic, context->selfPublic + context->pointCoordinateLength);
    bctbx_ECDHSetPeerPublicKey(context, peer.data(), peer.size());
    const double time = timed([&] {
      for (int i = 0; i < count; i++) bctbx_ECDHComputeSecret(context, nullptr, nullptr);
    });
    bctbx_DestroyECDHContext(context);
    return time / count;
  }

  double encryptRaw(int count) {
    const Bytes key(32, 1), iv(16, 2), plaintext(100, 'x'), associatedData(150, 3);
    Bytes tag(16);
    return timed([&] {
             for (int i = 0; i < count; i++) {
               bctoolbox::AEADEncrypt<bctoolbox::AES256GCM128>(key, iv, plaintext, associatedData, tag);
             }
           }) / count;
  }

  double sync(std::istream &words) {
    const std::string path = word(words);
    const int count = number(words);
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
    if (file < 0) throw std::runtime_error("cannot write " + path);
    const Bytes page(4096, 1);
    bool written = true;
    const double time = timed([&] {
      for (int i = 0; i < count; i++) {
        written = ::write(file, page.data(), page.size()) == static_cast<ssize_t>(page.size()) && written;
        written = ::fdatasync(file) == 0 && written;
      }
    });
    ::close(file);
    if (!written) throw std::runtime_error("cannot write " + path);
    return time / count;
  }

  static double size(const std::string &path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) throw std::runtime_error("cannot read " + path);
    return static_cast<double>(file.tellg());
  }

  static double memory() {
    // Without what malloc keeps for later.
    malloc_trim(0);
    long total = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return static_cast<double>(resident) * sysconf(_SC_PAGESIZE);
  }

  static lime::limeCallback expectDone() {
    return [](const lime::CallbackReturn result, const std::string message) {
      if (result != lime::CallbackReturn::success) throw std::runtime_error(message);
    };
  }

  lime::CurveId curve = lime::CurveId::c25519;
  KeyServer server;
  std::map<std::string, std::unique_ptr<lime::LimeManager>> stores;
  std::map<std::string, std::deque<Message>> waiting;
};

}  // namespace

int main() {
  Benchmark benchmark;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    if (!(words >> command)) continue;
    if (command == "quit") break;
    try {
      const double result = benchmark.run(command, words);
      std::cout << "= " << std::setprecision(12) << result << std::endl;
    } catch (const std::exception &error) {
      std::cout << "! " << error.what() << std::endl;
    }
  }
}
