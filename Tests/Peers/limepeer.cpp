// limepeer.cpp: liblime as a peer for tests: commands on standard input, one JSON object a line on standard output
// build: g++ -std=c++17 -O1 -Wall -o "$OUTPUT" "$SOURCE" -llime -lbctoolbox
//
// Words of a command are separated by blanks; bytes travel in base64, "-" stands for none.
//
//   init DATABASE SERVER-URL CURVE(1|2)          opens a store
//   create DEVICE [ONE-TIME-KEYS]                makes and registers a device
//   delete DEVICE
//   update [LOW BATCH]                           key maintenance
//   encrypt FROM RECIPIENT-USER POLICY(direct|cipher|upload|global) PLAINTEXT DEVICE...
//   decrypt DEVICE RECIPIENT-USER SENDER RATCHET-MESSAGE CIPHER-MESSAGE
//   identity DEVICE                              the device's public identity key
//   status DEVICE
//   trust DEVICE STATUS(untrusted|trusted|unsafe) [IDENTITY]
//   stale DEVICE PEER                            ends the session in use
//   quit
//
// Each command is answered by {"event":"done","ok":...}. Before that, each request to the key server is written as
// {"event":"post","url":...,"from":...,"body":...} and waits for a line "reply HTTP-STATUS BODY".

#include <lime/lime.hpp>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Bytes = std::vector<uint8_t>;

const std::string base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string encodeBase64(const Bytes &bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = bytes[i] << 16;
    if (i + 1 < bytes.size()) group |= bytes[i + 1] << 8;
    if (i + 2 < bytes.size()) group |= bytes[i + 2];
    text += base64Digits[group >> 18];
    text += base64Digits[group >> 12 & 63];
    text += i + 1 < bytes.size() ? base64Digits[group >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? base64Digits[group & 63] : '=';
  }
  return text;
}

Bytes decodeBase64(const std::string &text) {
  Bytes bytes;
  if (text == "-") return bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char digit : text) {
    const size_t value = base64Digits.find(digit);
    if (value == std::string::npos) continue;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<uint8_t>(bits >> count));
    }
  }
  return bytes;
}

std::string quoted(const std::string &text) {
  std::string json = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      snprintf(escape, sizeof escape, "\\u%04x", c);
      json += escape;
    } else {
      json += c;
    }
  }
  return json + "\"";
}

std::string name(lime::PeerDeviceStatus status) {
  switch (status) {
    case lime::PeerDeviceStatus::untrusted: return "untrusted";
    case lime::PeerDeviceStatus::trusted: return "trusted";
    case lime::PeerDeviceStatus::unsafe: return "unsafe";
    case lime::PeerDeviceStatus::fail: return "fail";
    default: return "unknown";
  }
}

void writeLine(const std::string &json) { std::cout << json << std::endl; }

void writeDone(bool ok, const std::string &message, const std::string &more = "") {
  writeLine("{\"event\":\"done\",\"ok\":" + std::string(ok ? "true" : "false") + ",\"message\":" + quoted(message) +
            more + "}");
}

// The test on the other end of the pipe is the key server.
void post(const std::string &url, const std::string &from, const Bytes &body,
          const lime::limeX3DHServerResponseProcess &process) {
  writeLine("{\"event\":\"post\",\"url\":" + quoted(url) + ",\"from\":" + quoted(from) +
            ",\"body\":" + quoted(encodeBase64(body)) + "}");
  std::string line;
  if (!std::getline(std::cin, line)) std::exit(1);
  std::istringstream words(line);
  std::string reply, answer;
  int status = 0;
  words >> reply >> status >> answer;
  process(status, decodeBase64(answer));
}

void done(lime::CallbackReturn result, const std::string &message) {
  writeDone(result == lime::CallbackReturn::success, message);
}

class Peer {
 public:
  void run(const std::string &command, std::istream &words) {
    if (command == "init") init(words);
    else if (command == "create") create(words);
    else if (command == "delete") manager().delete_user(word(words), done);
    else if (command == "update") update(words);
    else if (command == "encrypt") encrypt(words);
    else if (command == "decrypt") decrypt(words);
    else if (command == "identity") identity(words);
    else if (command == "status") writeStatus(manager().get_peerDeviceStatus(word(words)));
    else if (command == "trust") trust(words);
    else if (command == "stale") stale(words);
    else writeDone(false, "unknown command " + command);
  }

 private:
  static std::string word(std::istream &words) {
    std::string word;
    words >> word;
    return word;
  }

  lime::LimeManager &manager() {
    if (!manager_) throw std::runtime_error("no store is open: init comes first");
    return *manager_;
  }

  void init(std::istream &words) {
    const std::string database = word(words);
    server_ = word(words);
    curve_ = word(words) == "2" ? lime::CurveId::c448 : lime::CurveId::c25519;
    manager_.reset();
    manager_ = std::make_unique<lime::LimeManager>(database, post);
    writeDone(true, "");
  }

  void create(std::istream &words) {
    const std::string device = word(words);
    int oneTimeKeys = 100;
    if (int count; words >> count) oneTimeKeys = count;
    manager().create_user(device, server_, curve_, static_cast<uint16_t>(oneTimeKeys), done);
  }

  void update(std::istream &words) {
    int low = 100, batch = 25;
    if (int l, b; words >> l >> b) low = l, batch = b;
    manager().update(done, static_cast<uint16_t>(low), static_cast<uint16_t>(batch));
  }

  void encrypt(std::istream &words) {
    const std::string from = word(words), recipientUser = word(words), policyName = word(words);
    const Bytes plaintext = decodeBase64(word(words));
    auto recipients = std::make_shared<std::vector<lime::RecipientData>>();
    for (std::string device; words >> device;) recipients->emplace_back(device);
    auto cipherMessage = std::make_shared<Bytes>();
    const auto policy = policyName == "direct"   ? lime::EncryptionPolicy::DRMessage
                        : policyName == "cipher" ? lime::EncryptionPolicy::cipherMessage
                        : policyName == "global" ? lime::EncryptionPolicy::optimizeGlobalBandwidth
                                                 : lime::EncryptionPolicy::optimizeUploadSize;
    manager().encrypt(
        from, std::make_shared<const std::string>(recipientUser), recipients,
        std::make_shared<const Bytes>(plaintext), cipherMessage,
        [recipients, cipherMessage](const lime::CallbackReturn result, const std::string message) {
          std::string devices;
          for (const auto &recipient : *recipients) {
            if (!devices.empty()) devices += ",";
            devices += "{\"device\":" + quoted(recipient.deviceId) +
                       ",\"status\":" + quoted(name(recipient.peerStatus)) +
                       ",\"ratchet\":" + quoted(encodeBase64(recipient.DRmessage)) + "}";
          }
          writeDone(result == lime::CallbackReturn::success, message,
                    ",\"cipher\":" + quoted(encodeBase64(*cipherMessage)) + ",\"devices\":[" + devices + "]");
        },
        policy);
  }

  void decrypt(std::istream &words) {
    const std::string device = word(words), recipientUser = word(words), sender = word(words);
    const Bytes ratchetMessage = decodeBase64(word(words)), cipherMessage = decodeBase64(word(words));
    Bytes plaintext;
    const auto status = manager().decrypt(device, recipientUser, sender, ratchetMessage, cipherMessage, plaintext);
    const bool ok = status != lime::PeerDeviceStatus::fail;
    writeDone(ok, "",
              ",\"status\":" + quoted(name(status)) + ",\"plaintext\":" + quoted(ok ? encodeBase64(plaintext) : ""));
  }

  void identity(std::istream &words) {
    Bytes key;
    manager().get_selfIdentityKey(word(words), key);
    writeDone(true, "", ",\"identity\":" + quoted(encodeBase64(key)));
  }

  void trust(std::istream &words) {
    const std::string device = word(words), statusName = word(words), key = word(words);
    const auto status = statusName == "trusted"  ? lime::PeerDeviceStatus::trusted
                        : statusName == "unsafe" ? lime::PeerDeviceStatus::unsafe
                                                 : lime::PeerDeviceStatus::untrusted;
    if (key.empty()) manager().set_peerDeviceStatus(device, status);
    else manager().set_peerDeviceStatus(device, decodeBase64(key), status);
    writeDone(true, "");
  }

  void stale(std::istream &words) {
    const std::string device = word(words), peer = word(words);
    manager().stale_sessions(device, peer);
    writeDone(true, "");
  }

  static void writeStatus(lime::PeerDeviceStatus status) { writeDone(true, "", ",\"status\":" + quoted(name(status))); }

  std::unique_ptr<lime::LimeManager> manager_;
  std::string server_;
  lime::CurveId curve_ = lime::CurveId::c25519;
};

}  // namespace

int main() {
  Peer peer;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    if (!(words >> command)) continue;
    if (command == "quit") break;
    try {
      peer.run(command, words);
    } catch (const std::exception &error) {
      writeDone(false, error.what());
    }
  }
}
