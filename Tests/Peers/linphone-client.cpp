// build: g++ -std=c++17 -w "$SOURCE" -o "$OUTPUT" -llinphone++ -llinphone -lbctoolbox
//
// A Linphone client that a test drives: commands in lines on standard input, events as JSON objects in lines on
// standard output. Needs Debian's liblinphone-dev, and linphone-common for its grammars (without them liblinphone
// aborts). Builds with liblinphone 5.1 (Debian 12), 5.3 (Debian 13) and 5.5; scripts/build-peers says how it is built
// against another one than the system's.
//
// Options come in pairs:
//   --dir DIR            where it keeps its data; the same directory again is the same device
//   --identity URI       sip:bob@sip.example.org
//   --password TEXT
//   --proxy URI          sip:127.0.0.1:5060;transport=tcp, an address and not a name
//   --factory URI        conference factory
//   --lime URL           LIME key server; without it the client cannot join encrypted rooms
//   --file URL           file transfer server
//   --ca FILE            authorities that certificates must be of, for the proxy's name; without it any is taken
//   --curve c25519|c448  of LIME
//
// Commands; ROOM is a name from an event, r1, r2 and so on:
//   create|create-plain|create-1to1|create-basic SUBJECT ADDRESS...
//   send|reply ROOM TEXT      read ROOM      compose ROOM
//   file ROOM PATH            files ROOM PATH|PATH...|TEXT, several files and a text in one message
//   add|remove ROOM ADDRESS   admin ROOM ADDRESS  subject ROOM SUBJECT  leave ROOM
//   forward ROOM TARGET       the newest message of ROOM to the room TARGET
//   edit ROOM TEXT   retract ROOM   the newest message of one's own (5.5; "unknown" before)
//   react ROOM EMOJI          to the newest message (5.3 and later)
//   ephemeral ROOM SECONDS [UNREAD-SECONDS]   own messages there delete themselves; in a room of create-ephemeral:
//                             everyone's. 5.5: unread ones after UNREAD-SECONDS
//   create-ephemeral SUBJECT ADDRESS...   messages delete themselves after an hour, as the admins decide
//   offline   online   rooms   quit
//   quick     no more log, and a look at the sockets every millisecond in place of 20, for measurements
//
// States in events are numbers of liblinphone: registration 2 is done; room 3 is created, 4 is creation failed;
// message 2 is taken by the server, 3 is refused, 6 is delivered to all, 7 is displayed by all.
#include <linphone++/linphone.hh>
#include <linphone/core.h>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <list>
#include <map>
#include <set>
#include <sstream>
#include <type_traits>

namespace linphone {
class ChatMessageReaction; // not in 5.1
}
using namespace linphone;
using std::make_shared;
using std::shared_ptr;
using std::string;

using Room = shared_ptr<ChatRoom>;
using Message = shared_ptr<ChatMessage>;
using RoomEvent = shared_ptr<const EventLog>;

// What liblinphone 5.1, 5.3 and 5.5 do not have alike; their headers tell no version

/// What a setter takes: ChatRoomBackend in 5.1 is ChatRoom::Backend later, and so on.
template <class Value>
static Value valueOf(void (ChatRoomParams::*setter)(Value));
using Backend = decltype(valueOf(&ChatRoomParams::setBackend));
using EncryptionBackend = decltype(valueOf(&ChatRoomParams::setEncryptionBackend));
using EphemeralMode = decltype(valueOf(&ChatRoomParams::setEphemeralMode));

/// Calls a lambda whose result type is written with `decltype`; false if this liblinphone has not what it calls.
template <class Call, class Object>
static bool callIfThere(Call call, Object &object) {
	if constexpr (std::is_invocable_v<Call, Object &>) return call(object), true;
	else return false;
}

// Events

static string escaped(const string &text) {
	string result;
	for (unsigned char byte : text) {
		char code[8];
		if (byte == '"' || byte == '\\') result += string("\\") + char(byte);
		else if (byte < 32) snprintf(code, sizeof code, "\\u%04x", byte), result += code;
		else result += char(byte);
	}
	return result;
}

static void emit(const string &event, std::initializer_list<std::pair<string, string>> fields) {
	std::cout << "{\"event\":\"" << event << "\"";
	for (auto &field : fields) std::cout << ",\"" << field.first << "\":\"" << escaped(field.second) << "\"";
	std::cout << "}" << std::endl;
}

static string text(const shared_ptr<const Address> &address) { return address ? address->asStringUriOnly() : ""; }

// What the client knows

static shared_ptr<Core> core;
static std::map<string, Room> rooms;
static string downloads;

static string nameOf(const Room &room) {
	for (auto &entry : rooms)
		if (entry.second == room) return entry.first;
	string name = "r" + std::to_string(rooms.size() + 1);
	rooms[name] = room;
	return name;
}

// Files that come are fetched one after another, as liblinphone does one at a time for a message.

struct Download {
	Message message;
	shared_ptr<Content> content;
	string path;
};
static std::list<Download> waiting;
static bool isDownloading = false;

static bool isThere(const Download &download) {
	struct stat status;
	// liblinphone puts a file's content in the place of its offer when all is there and, with a key, decrypted.
	for (auto &content : download.message->getContents())
		if (content->isFile() && content->getFilePath() == download.path)
			return stat(download.path.c_str(), &status) == 0 && size_t(status.st_size) == content->getFileSize();
	return false;
}

static void moveDownloads() {
	if (waiting.empty()) return;
	auto &download = waiting.front();
	if (!isDownloading) {
		isDownloading = true;
		download.content->setFilePath(download.path);
		if (!download.message->downloadContent(download.content)) emit("download-refused", {{"path", download.path}});
	} else if (isThere(download)) {
		emit("file-saved", {{"id", download.message->getMessageId()}, {"path", download.path}});
		waiting.pop_front();
		isDownloading = false;
	}
}

// Listeners

struct MessageEvents : ChatMessageListener {
	void onMsgStateChanged(const Message &message, ChatMessage::State state) override {
		emit("msg-state", {{"id", message->getMessageId()},
		                   {"state", std::to_string(int(state))},
		                   {"text", message->getUtf8Text()}});
	}
	void onEphemeralMessageDeleted(const Message &message) override {
		emit("expired", {{"id", message->getMessageId()}});
	}
	void onParticipantImdnStateChanged(const Message &message,
	                                   const shared_ptr<const ParticipantImdnState> &state) override {
		auto participant = state->getParticipant(); // none in 5.1 when it is the account's own second device
		emit("imdn", {{"id", message->getMessageId()},
		              {"from", participant ? text(participant->getAddress()) : ""},
		              {"state", std::to_string(int(state->getState()))}});
	}
	shared_ptr<Buffer> onFileTransferSend(const Message &, const shared_ptr<Content> &, size_t, size_t) override {
		return nullptr;
	}
};
static auto messageEvents = make_shared<MessageEvents>();
// The wrapper drops a message's listener with its last reference.
static std::list<Message> sentMessages; // and received ones

static void sendText(const Message &message) {
	message->addListener(messageEvents);
	sentMessages.push_back(message);
	message->send();
}

struct RoomEvents : ChatRoomListener {
	void onStateChanged(const Room &room, ChatRoom::State state) override {
		emit("room-state", {{"room", nameOf(room)},
		                    {"state", std::to_string(int(state))},
		                    {"addr", text(room->getConferenceAddress())},
		                    {"subject", room->getSubject()},
		                    {"participants", std::to_string(room->getNbParticipants())}});
	}
	void onConferenceJoined(const Room &room, const RoomEvent &) override { emit("joined", {{"room", nameOf(room)}}); }
	void onConferenceLeft(const Room &room, const RoomEvent &) override { emit("left", {{"room", nameOf(room)}}); }
	void onSubjectChanged(const Room &room, const RoomEvent &) override {
		emit("subject", {{"room", nameOf(room)}, {"subject", room->getSubject()}});
	}
	void onParticipantAdded(const Room &room, const RoomEvent &event) override {
		emit("participant-added", {{"room", nameOf(room)}, {"who", text(event->getParticipantAddress())}});
	}
	void onParticipantRemoved(const Room &room, const RoomEvent &event) override {
		emit("participant-removed", {{"room", nameOf(room)}, {"who", text(event->getParticipantAddress())}});
	}
	void onParticipantAdminStatusChanged(const Room &room, const RoomEvent &event) override {
		bool isAdmin = event->getType() == EventLog::Type::ConferenceParticipantSetAdmin;
		emit("admin", {{"room", nameOf(room)},
		               {"who", text(event->getParticipantAddress())},
		               {"is", isAdmin ? "1" : "0"}});
	}
	void onParticipantDeviceAdded(const Room &room, const RoomEvent &event) override {
		emit("device-added", {{"room", nameOf(room)}, {"device", text(event->getDeviceAddress())}});
	}
	void onParticipantDeviceRemoved(const Room &room, const RoomEvent &event) override {
		emit("device-removed", {{"room", nameOf(room)}, {"device", text(event->getDeviceAddress())}});
	}
	void onSecurityEvent(const Room &room, const RoomEvent &event) override {
		emit("security-event",
		     {{"room", nameOf(room)}, {"type", std::to_string(int(event->getSecurityEventType()))}});
	}
	void onIsComposingReceived(const Room &room, const shared_ptr<const Address> &who, bool active) override {
		emit("composing", {{"room", nameOf(room)}, {"who", text(who)}, {"active", active ? "1" : "0"}});
	}
	// 5.5
	void onMessageContentEdited(const Room &room, const Message &message) {
		emit("edited", {{"room", nameOf(room)}, {"id", message->getMessageId()}, {"text", message->getUtf8Text()}});
	}
	void onMessageRetracted(const Room &room, const Message &message) {
		emit("retracted", {{"room", nameOf(room)}, {"id", message->getMessageId()}});
	}
	void onMessageReceived(const Room &room, const Message &message) override {
		emit("message", {{"room", nameOf(room)},
		                 {"id", message->getMessageId()},
		                 {"from", text(message->getFromAddress())},
		                 {"text", message->getUtf8Text()},
		                 {"secured", message->isSecured() ? "1" : "0"},
		                 {"ctype", message->getContentType()},
		                 {"reply", message->isReply() ? "1" : "0"},
		                 {"reply-to", message->isReply() ? message->getReplyMessageId() : ""},
		                 {"forward", message->isForward() ? message->getForwardInfo() : ""},
		                 {"lifetime", std::to_string(message->isEphemeral() ? message->getEphemeralLifetime() : 0)}});
		message->addListener(messageEvents);
		sentMessages.push_back(message);
		for (auto &content : message->getContents()) {
			if (!content->isFileTransfer()) continue;
			emit("file-offer", {{"room", nameOf(room)},
			                    {"name", content->getName()},
			                    {"size", std::to_string(content->getFileSize())},
			                    {"type", content->getType() + "/" + content->getSubtype()}});
			waiting.push_back({message, content, downloads + "/" + content->getName()});
		}
	}
};
static auto roomEvents = make_shared<RoomEvents>();

/// Listens to a room once, however often it is reported.
static void follow(const Room &room) {
	static std::set<ChatRoom *> followed;
	if (followed.insert(room.get()).second) room->addListener(roomEvents);
}

struct CoreEvents : CoreListener {
	void onAccountRegistrationStateChanged(const shared_ptr<Core> &, const shared_ptr<Account> &account,
	                                       RegistrationState state, const string &message) override {
		// liblinphone writes it seconds later: killed before that, it would be another device at its next start.
		if (state == RegistrationState::Ok) core->getConfig()->sync();
		emit("registration", {{"state", std::to_string(int(state))},
		                      {"msg", message},
		                      {"contact", text(account->getContactAddress())}});
	}
	void onChatRoomStateChanged(const shared_ptr<Core> &, const Room &room, ChatRoom::State state) override {
		follow(room);
		emit("core-room-state", {{"room", nameOf(room)},
		                         {"state", std::to_string(int(state))},
		                         {"addr", text(room->getConferenceAddress())}});
	}
	void onMessageReceived(const shared_ptr<Core> &, const Room &room, const Message &message) override {
		emit("core-message",
		     {{"room", nameOf(room)}, {"id", message->getMessageId()}, {"text", message->getUtf8Text()}});
	}
	// 5.3 and later
	void onNewMessageReaction(const shared_ptr<Core> &, const Room &room, const Message &message,
	                          const shared_ptr<const ChatMessageReaction> &reaction) {
		callIfThere(
		    [&](auto &reaction) -> decltype((void)reaction.getBody()) {
			    emit("reaction", {{"room", nameOf(room)}, {"id", message->getMessageId()}, {"text", reaction.getBody()}});
		    },
		    *reaction);
	}
	void onMessageReceivedUnableDecrypt(const shared_ptr<Core> &, const Room &room, const Message &message) override {
		emit("undecryptable", {{"room", nameOf(room)}, {"from", text(message->getFromAddress())}});
	}
};

/// liblinphone's own log, for when a test fails.
struct LogFile : LoggingServiceListener {
	std::ofstream file;
	void onLogMessageWritten(const shared_ptr<LoggingService> &, const string &domain, LogLevel,
	                         const string &message) override {
		file << time(nullptr) << " " << domain << " " << message << std::endl;
		// There is no callback for it: only now can others encrypt to this client.
		if (message.rfind("[LIME] user", 0) == 0 && message.find("creation successful") != string::npos)
			emit("keys-published", {});
	}
};

// Commands

static void createRoom(const string &kind, std::istringstream &words) {
	string subject, address;
	words >> subject;
	std::list<shared_ptr<Address>> others;
	while (words >> address) others.push_back(Factory::get()->createAddress(address));
	bool isBasic = kind == "create-basic";
	bool isEphemeral = kind == "create-ephemeral";
	bool isEncrypted = kind != "create-plain" && !isBasic;
	auto params = core->createDefaultChatRoomParams();
	params->setBackend(isBasic ? Backend::Basic : Backend::FlexisipChat);
	params->enableGroup(kind != "create-1to1" && !isBasic);
	if (!isBasic) {
		params->enableEncryption(isEncrypted);
		params->setEncryptionBackend(isEncrypted ? EncryptionBackend::Lime : EncryptionBackend::None);
	}
	if (isEphemeral) {
		params->setEphemeralMode(EphemeralMode::AdminManaged);
		params->setEphemeralLifetime(3600);
	}
	params->setSubject(subject);
	auto identity = core->getDefaultAccount()->getParams()->getIdentityAddress();
	auto room = core->createChatRoom(params, identity, others);
	if (!room) return emit("create-failed", {});
	follow(room);
	emit("creating", {{"room", nameOf(room)}});
}

static void sendFile(const Room &room, const string &name, const string &path) {
	auto content = core->createContent();
	struct stat status;
	if (stat(path.c_str(), &status) != 0) return emit("no-file", {{"path", path}});
	content->setName(path.substr(path.rfind('/') + 1));
	content->setFilePath(path);
	content->setType("application");
	content->setSubtype("octet-stream");
	// Without a listener: the wrapper's empty upload callback would end the transfer.
	room->createFileTransferMessage(content)->send();
	emit("file-sending", {{"room", name}, {"path", path}});
}

/// `PATH|PATH|TEXT`
static void sendFiles(const Room &room, const string &name, const string &list) {
	auto message = room->createEmptyMessage();
	string rest = list;
	for (size_t bar; (bar = rest.find('|')) != string::npos; rest.erase(0, bar + 1)) {
		string path = rest.substr(0, bar);
		auto content = core->createContent();
		content->setName(path.substr(path.rfind('/') + 1));
		content->setFilePath(path);
		content->setType("application");
		content->setSubtype("octet-stream");
		message->addFileContent(content);
	}
	message->addUtf8TextContent(rest);
	message->send();
	emit("file-sending", {{"room", name}, {"text", rest}});
}

static shared_ptr<Participant> participant(const Room &room, const string &address) {
	for (auto &member : room->getParticipants())
		if (text(member->getAddress()) == address) return member;
	return nullptr;
}

static void listRooms() {
	for (auto &room : core->getChatRooms()) {
		auto address = room->getConferenceAddress() ? room->getConferenceAddress() : room->getPeerAddress();
		emit("room", {{"room", nameOf(room)},
		              {"addr", text(address)},
		              {"subject", room->getSubject()},
		              {"n", std::to_string(room->getNbParticipants())},
		              {"sec", std::to_string(int(room->getSecurityLevel()))}});
	}
	emit("rooms-end", {});
}

/// False if this liblinphone cannot.
static bool changeNewest(const string &command, const Room &room, const string &text) {
	Message message;
	for (auto &each : room->getHistory(0))
		if (command == "react" || each->isOutgoing()) message = each;
	if (!message) return emit("nothing-to-change", {}), true;
	if (command == "react") {
		return callIfThere(
		    [&](auto &message) -> decltype(message.createReaction(text)->send()) {
			    message.createReaction(text)->send();
		    },
		    *message);
	}
	if (command == "retract")
		return callIfThere([&](auto &room) -> decltype(room.retractMessage(message)) { room.retractMessage(message); },
		                   *room);
	return callIfThere(
	    [&](auto &room) -> decltype((void)room.createReplacesMessage(message)) {
		    auto edited = room.createReplacesMessage(message);
		    edited->addUtf8TextContent(text);
		    sendText(edited);
	    },
	    *room);
}

static void makeEphemeral(const Room &room, const string &name, const string &seconds) {
	size_t end = 0;
	long lifetime = std::stol(seconds, &end);
	long unread = end < seconds.size() ? std::stol(seconds.substr(end)) : 0;
	if (!unread) {
		room->setEphemeralLifetime(lifetime);
		room->enableEphemeral(true);
	} else if (!callIfThere([&](auto &room) -> decltype((void)room.activateEphemeral(lifetime, unread)) {
		           room.activateEphemeral(lifetime, unread);
	           },
	                        *room))
		return emit("unknown", {{"cmd", "ephemeral with an unread lifetime"}});
	emit("ephemeral", {{"room", name}, {"seconds", std::to_string(room->getEphemeralLifetime())}});
}

static void inRoom(const string &command, const string &line, std::istringstream &words) {
	string name, rest;
	words >> name;
	auto entry = rooms.find(name);
	if (entry == rooms.end()) return emit("no-room", {{"line", line}});
	auto room = entry->second;
	getline(words >> std::ws, rest);
	if (command == "send") {
		auto message = room->createMessageFromUtf8(rest);
		sendText(message);
		emit("sent", {{"room", name}, {"id", message->getMessageId()}, {"text", rest}});
	} else if (command == "reply") {
		auto history = room->getHistory(1);
		if (history.empty()) return emit("nothing-to-reply-to", {{"room", name}});
		auto message = room->createReplyMessage(history.front());
		message->addUtf8TextContent(rest);
		sendText(message);
	} else if (command == "forward") {
		auto history = room->getHistory(1);
		auto target = rooms.find(rest);
		if (history.empty() || target == rooms.end()) return emit("nothing-to-forward", {{"room", name}});
		sendText(target->second->createForwardMessage(history.front()));
	} else if (command == "edit" || command == "retract" || command == "react") {
		if (!changeNewest(command, room, rest)) emit("unknown", {{"cmd", command}});
	} else if (command == "ephemeral") makeEphemeral(room, name, rest);
	else if (command == "file") sendFile(room, name, rest);
	else if (command == "files") sendFiles(room, name, rest);
	else if (command == "read") room->markAsRead();
	else if (command == "compose") room->compose();
	else if (command == "add") room->addParticipant(Factory::get()->createAddress(rest));
	else if (command == "remove" || command == "admin") {
		auto member = participant(room, rest);
		if (!member) return emit("no-participant", {{"room", name}, {"who", rest}});
		if (command == "remove") room->removeParticipant(member);
		else room->setParticipantAdminStatus(member, true);
	} else if (command == "subject") room->setSubject(rest);
	else if (command == "leave") room->leave();
	else emit("unknown", {{"cmd", command}});
}

/// Milliseconds between two looks at the sockets; 20 as liblinphone's own programs.
static int lookInterval = 20;

static void beQuick() {
	LoggingService::get()->setLogLevel(LogLevel::Fatal);
	lookInterval = 1;
}

/// False for `quit`.
static bool run(const string &line) {
	std::istringstream words(line);
	string command;
	words >> command;
	if (command.empty()) return true;
	if (command == "quit") return false;
	if (command.rfind("create", 0) == 0) createRoom(command, words);
	else if (command == "offline") core->setNetworkReachable(false);
	else if (command == "online") core->setNetworkReachable(true);
	else if (command == "rooms") listRooms();
	else if (command == "quick") beQuick();
	else inRoom(command, line, words);
	return true;
}

// Set-up

static void createCore(std::map<string, string> &options) {
	auto factory = Factory::get();
	string dir = options["dir"];
	factory->setDataDir(dir + "/");
	factory->setConfigDir(dir + "/");
	auto config = factory->createConfig(dir + "/rc");
	config->setString("storage", "uri", dir + "/linphone.db");
	config->setString("lime", "x3dh_db_path", dir + "/x3dh.sqlite");
	config->setInt("sip", "keepalive_period", 30000);
	// The servers are on loopback: that this machine has no way out is no reason to wait for one.
	config->setInt("sip", "auto_net_state_mon", 0);
	config->setString("misc", "chat_rooms_enabled", "1");
	// 5.5 has no algorithm of its own accord, and then no LIME.
	config->setString("lime", "curve", options["curve"].empty() ? "c25519" : options["curve"]);
	core = factory->createCoreWithConfig(config, nullptr);
	static auto coreEvents = make_shared<CoreEvents>();
	core->addListener(coreEvents);
	core->verifyServerCertificates(!options["ca"].empty());
	core->verifyServerCn(!options["ca"].empty());
	if (!options["ca"].empty()) core->setRootCa(options["ca"]);
	auto transports = factory->createTransports();
	transports->setUdpPort(0);
	transports->setTcpPort(-2);
	transports->setTlsPort(-2);
	core->setTransports(transports);
	core->addLinphoneSpec("groupchat");
	core->addLinphoneSpec("ephemeral");
	if (!options["lime"].empty()) {
		core->addLinphoneSpec("lime");
		core->setLimeX3DhServerUrl(options["lime"]);
		core->enableLimeX3Dh(true);
	}
	if (!options["file"].empty()) core->setFileTransferServer(options["file"]);
	core->start();
	core->setNetworkReachable(true);
	emit("version", {{"version", Core::getVersion()}});
	// 5.5 reports no state of those of an earlier run.
	for (auto &room : core->getChatRooms()) follow(room);
}

/// The account of an earlier run keeps its device and rooms; only the proxy's address may be another.
static void setUpAccount(std::map<string, string> &options) {
	auto factory = Factory::get();
	auto account = core->getDefaultAccount();
	auto params = account ? account->getParams()->clone() : core->createAccountParams();
	auto proxy = factory->createAddress(options["proxy"]);
	params->setServerAddress(proxy);
	params->setRoutesAddresses({proxy});
	if (account) {
		account->setParams(params);
		return;
	}
	auto identity = factory->createAddress(options["identity"]);
	core->addAuthInfo(factory->createAuthInfo(identity->getUsername(), "", options["password"], "", "",
	                                          identity->getDomain()));
	params->setIdentityAddress(identity);
	params->enableRegister(true);
	if (!options["factory"].empty()) params->setConferenceFactoryUri(options["factory"]);
	params->setExpires(600);
	account = core->createAccount(params);
	core->addAccount(account);
	core->setDefaultAccount(account);
}

int main(int argc, char **argv) {
	std::map<string, string> options;
	for (int i = 1; i + 1 < argc; i += 2) options[string(argv[i]).substr(2)] = argv[i + 1];
	downloads = options["dir"];
	mkdir(downloads.c_str(), 0700);
	setenv("HOME", downloads.c_str(), 1);
	auto logging = LoggingService::get();
	logging->setLogLevel(LogLevel::Debug);
	auto log = make_shared<LogFile>();
	log->file.open(downloads + "/log.txt", std::ios::app);
	logging->addListener(log);
	createCore(options);
	setUpAccount(options);

	string input;
	for (bool running = true; running;) {
		core->iterate();
		moveDownloads();
		pollfd standardInput{0, POLLIN, 0};
		if (poll(&standardInput, 1, lookInterval) > 0) {
			char buffer[65536];
			ssize_t count = read(0, buffer, sizeof buffer);
			if (count <= 0) break;
			input.append(buffer, count);
		}
		for (size_t end; running && (end = input.find('\n')) != string::npos; input.erase(0, end + 1)) {
			try {
				running = run(input.substr(0, end));
			} catch (std::exception &error) {
				emit("exception", {{"what", error.what()}});
			}
		}
	}
	core->stop();
	// Lets un-REGISTER and the ends of subscriptions go out.
	for (int i = 0; i < 50; i++) {
		core->iterate();
		usleep(20000);
	}
}
