// Poll: live polls, in C++. A client asks, others follow and vote, and all who follow see how it
// stands, at most ten times a second however many vote.
//
//   ask:POLL:CHOICE|CHOICE|…   opens a poll with 2 to 10 choices; one for each client at a time
//   follow:POLL                how it stands, now and whenever that changes
//   vote:POLL:NUMBER           for the choice of that number, from 1; another vote replaces it
//   end:POLL                   by who has asked; so does the end of that client's connection
//
// How it stands: `POLL: CHOICE 3 | CHOICE 0`, at its end with ` (over)` behind. No name has a colon
// and no choice a `|`, so programs can read it, too.
//
// A vote counts while its client is connected. Polls, votes and who follows outlive a swap.
#include <toni/toni.hpp>

#include <algorithm>
#include <charconv>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace
{

constexpr size_t polls_most = 100, choices_least = 2, choices_most = 10, name_most = 64; // bytes
constexpr uint64_t publish_ms = 100;

struct Poll {
    toni_client_id asker = 0;
    std::vector<std::string> choices;
    std::unordered_map<toni_client_id, uint32_t> votes; // of clients that are connected
    bool changed = false;                               // since it was last published
};

// What is kept with a client.
struct Voter {
    std::string asked; // the poll that it has open; empty: none
};

// What is wrong with what a client has sent; the client is told.
struct Mistake : std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::string room_of(const std::string &name)
{
    return "poll/" + name;
}

std::string describe(const std::string &name, const Poll &poll)
{
    std::vector<size_t> counts(poll.choices.size());
    for (const auto &[client, choice] : poll.votes)
        counts[choice]++;
    std::string text = name + ":";
    for (size_t i = 0; i < counts.size(); i++)
        text += (i > 0 ? " | " : " ") + poll.choices[i] + " " + std::to_string(counts[i]);
    return text;
}

// Splits at the first separator. @return What stands before it; rest: what follows, or nothing.
std::string take(std::string_view &rest, char separator)
{
    const size_t at = rest.find(separator);
    const std::string part(rest.substr(0, at));
    rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
    return part;
}

std::vector<std::string> split_choices(std::string_view text)
{
    std::vector<std::string> choices;
    while (!text.empty()) {
        choices.push_back(take(text, '|'));
        if (choices.back().empty() || choices.back().size() > name_most)
            throw Mistake("A choice has 1 to 64 bytes.");
        if (choices.size() > choices_most)
            break;
    }
    if (choices.size() < choices_least || choices.size() > choices_most)
        throw Mistake("A poll has 2 to 10 choices, with | between them.");
    return choices;
}

// --- The state: numbers and texts behind each other

class Writer
{
  public:
    void put(uint64_t number)
    {
        bytes_.append(reinterpret_cast<const char *>(&number), sizeof number);
    }
    void put(const std::string &text)
    {
        put(uint64_t{text.size()});
        bytes_ += text;
    }
    std::string take()
    {
        return std::move(bytes_);
    }

  private:
    std::string bytes_;
};

class Reader
{
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes)
    {
    }
    uint64_t number()
    {
        uint64_t number;
        const std::string_view part = take(sizeof number);
        part.copy(reinterpret_cast<char *>(&number), sizeof number);
        return number;
    }
    std::string text()
    {
        return std::string(take(number()));
    }
    // A number of things that follow.
    uint64_t count(uint64_t most)
    {
        const uint64_t count = number();
        if (count > most)
            throw std::invalid_argument("the state has more than there can be");
        return count;
    }
    void end() const
    {
        if (!bytes_.empty())
            throw std::invalid_argument("the state is longer than it says");
    }

  private:
    std::string_view take(uint64_t size)
    {
        if (size > bytes_.size())
            throw std::invalid_argument("the state is shorter than it says");
        const std::string_view part = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return part;
    }

    std::string_view bytes_;
};

// --- The gateway

class PollGateway : public toni::gateway<PollGateway, Voter>
{
  public:
    explicit PollGateway(toni::context context) : gateway(context), rooms_(context.connections())
    {
    }

    void on_connect(client_type client)
    {
        client.emplace();
    }

    void on_message(client_type client, toni::message message)
    {
        std::string_view rest = message.body();
        if (!message.is_text())
            return;
        try {
            const std::string what = take(rest, ':'), name = take(rest, ':');
            if (what == "ask")
                ask(client, name, rest);
            else if (what == "follow")
                follow(client, name);
            else if (what == "vote")
                vote(client, name, rest);
            else if (what == "end")
                end(client, name);
            else
                throw Mistake("Send 'ask:', 'follow:', 'vote:' or 'end:' and the name of a poll.");
        } catch (const Mistake &mistake) {
            client.send(mistake.what());
        }
    }

    void on_disconnect(client_type client, const toni_disconnect_info & /*info*/)
    {
        bool voted = false;
        for (auto &[name, poll] : polls_) {
            if (poll.votes.erase(client.id()) > 0)
                poll.changed = voted = true;
        }
        // Not by what is kept with the client: there is nothing if it could not be adopted.
        const auto own = std::find_if(polls_.begin(), polls_.end(), [&](const auto &each) {
            return each.second.asker == client.id();
        });
        if (own != polls_.end())
            close(own);
        if (voted)
            publish_soon();
    }

    // What was kept with a client is gone with the old version; who has asked stands in the state.
    void on_adopt(client_type client)
    {
        Voter &voter = client.emplace();
        for (const auto &[name, poll] : polls_) {
            if (poll.asker == client.id())
                voter.asked = name;
        }
    }

    std::string export_state()
    {
        Writer state;
        state.put(polls_.size());
        for (const auto &[name, poll] : polls_) {
            state.put(name);
            state.put(poll.asker);
            state.put(poll.choices.size());
            for (const std::string &choice : poll.choices)
                state.put(choice);
            state.put(poll.votes.size());
            for (const auto &[client, choice] : poll.votes) {
                state.put(client);
                state.put(uint64_t{choice});
            }
        }
        return state.take();
    }

    void import_state(uint32_t version, std::string_view bytes)
    {
        if (version != state_version)
            throw std::invalid_argument("the state is of another version");
        Reader state(bytes);
        for (uint64_t polls = state.count(polls_most); polls > 0; polls--) {
            const std::string name = state.text();
            Poll &poll = polls_[name];
            poll.asker = state.number();
            for (uint64_t choices = state.count(choices_most); choices > 0; choices--)
                poll.choices.push_back(state.text());
            if (poll.choices.size() < choices_least)
                throw std::invalid_argument("a poll in the state has too few choices");
            for (uint64_t votes = state.count(UINT32_MAX); votes > 0; votes--) {
                const toni_client_id client = state.number();
                poll.votes[client] = static_cast<uint32_t>(state.count(poll.choices.size() - 1));
            }
            note_change(poll); // it may have changed since it was published
        }
        state.end();
    }

  private:
    using Polls = std::map<std::string, Poll, std::less<>>;

    Polls::iterator find(const std::string &name)
    {
        const auto found = polls_.find(name);
        if (found == polls_.end())
            throw Mistake("There is no poll of that name.");
        return found;
    }

    void ask(client_type client, const std::string &name, std::string_view choices)
    {
        if (name.empty() || name.size() > name_most)
            throw Mistake("The name of a poll has 1 to 64 bytes.");
        if (!client.data()->asked.empty())
            throw Mistake("You have a poll open: end it first.");
        if (polls_.count(name) > 0)
            throw Mistake("There is a poll of that name.");
        if (polls_.size() >= polls_most)
            throw Mistake("There are too many polls: try again later.");
        Poll poll;
        poll.asker = client.id();
        poll.choices = split_choices(choices);
        if (rooms_.join(client.id(), room_of(name)) < 0)
            throw Mistake("That is no name for a poll.");
        client.send(describe(name, polls_[name] = std::move(poll)));
        client.data()->asked = name;
    }

    void follow(client_type client, const std::string &name)
    {
        const auto found = find(name);
        const int32_t joined = rooms_.join(client.id(), room_of(name));
        if (joined < 0)
            throw Mistake(toni_strerror(joined));
        client.send(describe(found->first, found->second));
    }

    void vote(client_type client, const std::string &name, std::string_view text)
    {
        Poll &poll = find(name)->second;
        uint32_t number = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (fault != std::errc() || end != text.data() + text.size() || number < 1 ||
            number > poll.choices.size())
            throw Mistake("A vote is the number of a choice, from 1.");
        poll.votes[client.id()] = number - 1;
        note_change(poll);
    }

    void end(client_type client, const std::string &name)
    {
        const auto found = find(name);
        if (found->second.asker != client.id())
            throw Mistake("It is not your poll.");
        client.data()->asked.clear();
        close(found);
    }

    // Who has followed is told, and follows no more.
    void close(Polls::iterator found)
    {
        const Polls::node_type over = polls_.extract(found); // whatever fails below
        const std::string room = room_of(over.key());
        rooms_.broadcast(room, describe(over.key(), over.mapped()) + " (over)");
        for (const toni_client_id member : rooms_.members(room))
            rooms_.leave(member, room);
    }

    // The first change starts the clock; those until it strikes are published together.
    void note_change(Poll &poll)
    {
        poll.changed = true;
        publish_soon();
    }

    void publish_soon()
    {
        if (waits_)
            return;
        publish_ = after(publish_ms, [this] { publish(); });
        waits_ = true;
    }

    void publish()
    {
        waits_ = false;
        for (auto &[name, poll] : polls_) {
            if (std::exchange(poll.changed, false))
                rooms_.broadcast(room_of(name), describe(name, poll));
        }
    }

    toni::connections rooms_;
    Polls polls_;
    toni::timer publish_;
    bool waits_ = false;
};

constexpr toni_plugin descriptor()
{
    toni_plugin plugin = PollGateway::descriptor(TONI_LIT("poll"), TONI_LIT("/poll"));
    plugin.needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS);
    return plugin;
}

} // namespace

TONI_PLUGIN_CXX(descriptor());
