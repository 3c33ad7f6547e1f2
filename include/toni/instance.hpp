/** @file
 * What the classes of gateways and services have in common, for C++17: hooks, tasks, and the border
 * at which exceptions end. Part of toni.hpp.
 */
#ifndef TONI_INSTANCE_HPP
#define TONI_INSTANCE_HPP

#include <toni/handles.hpp>

#include <atomic>
#include <chrono>
#include <cxxabi.h>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace toni
{

/** The base of toni::gateway and toni::service. @tparam T  The class. */
template <class T> class instance
{
  public:
    explicit instance(toni::context context)
        : context_(context),
          figure_(toni_counter(context.handle(), TONI_LIT("plugin_exceptions_total"),
                               TONI_LIT("Exceptions that came to the border of a plugin in C++.")))
    {
    }
    instance(const instance &) = delete;
    instance &operator=(const instance &) = delete;

    /* --- The hooks, of which the class has those that it wants: see plugin.h. */

    void start()
    {
    }
    void ready()
    {
    }
    void stopping(uint32_t /*why*/)
    {
    }
    /** @return The bytes that go along when the instance is swapped; T::state_version is theirs. */
    std::string export_state()
    {
        return std::string();
    }
    /** @throw anything  The bytes are none that this version knows: the swap is given up. */
    void import_state(uint32_t /*version*/, std::string_view /*bytes*/)
    {
    }
    static constexpr uint32_t state_version = 1;

    /** @return How many exceptions have come to the border. @thread Any. */
    [[nodiscard]] uint64_t exceptions() const
    {
        return exceptions_.load();
    }

    /** Calls what may throw for somebody who can't take that: for the functions of an interface
     * that the class offers.
     * @param self   What such a function gets.
     * @param where  Its name, for the log.
     * @param run    Called with the instance.
     * @return What @p run returns, or TONI_OK; TONI_ERR_FAILED after an exception, which is logged
     * and counted. @thread Any. */
    template <class Run> static int32_t fence(void *self, const char *where, Run run)
    {
        return call_(self, where, run);
    }

  protected:
    ~instance() = default;

    [[nodiscard]] toni::context context() const
    {
        return context_;
    }

    /** Runs a task once, later. @return Cancels it when it ends. @throw error  As toni_after. */
    [[nodiscard]] timer after(uint64_t delay_ms, std::function<void()> run)
    {
        return add_timer(toni_after, delay_ms, std::move(run));
    }
    /** Runs a task again and again. @return Cancels it when it ends. @throw error  As toni_every.
     */
    [[nodiscard]] timer every(uint64_t period_ms, std::function<void()> run)
    {
        return add_timer(toni_every, period_ms, std::move(run));
    }
    /** Runs a task as soon as possible; from any thread. @throw error  As toni_post. */
    void post(std::function<void()> run)
    {
        auto task = std::make_unique<std::function<void()>>(std::move(run));
        check(toni_post(context_.handle(), run_, task.get(), release_));
        task.release(); // the host's now
    }
    /** Runs a job that may block beside the callbacks, then a task. An exception of the job is
     * logged, and counts.
     * @param done  Not called if the job threw. @throw error  As toni_work. */
    void work(std::function<void()> job, std::function<void()> done)
    {
        auto pair = std::make_unique<work_pair>();
        pair->job = std::move(job);
        pair->done = std::move(done);
        check(toni_work(context_.handle(), job_, done_, pair.get(),
                        [](void *data) { delete static_cast<work_pair *>(data); }));
        pair.release(); // the host's now
    }

    /** Lets a client that comes back join a room: toni_join_room_since. It gets what it missed,
     * then what comes; then the instance is told. The instance's `needs` has
     * TONI_REQUIRES_CONNECTIONS.
     * @param since  toni_since_position(…), or toni_since_last(…) of one that was never there.
     * @param then   Called as a task with what came of it, unless the instance ends before.
     * @throw error  As toni_join_room_since: @p then is not called. */
    void join_since(toni_client_id client, std::string_view room, const toni_since &since,
                    std::function<void(const toni_joined &)> then)
    {
        auto task = std::make_unique<std::function<void(const toni_joined &)>>(std::move(then));
        check(toni_join_room_since(context_.connections().handle(), client, str(room), &since,
                                   context_.handle(), joined_, task.get(), release_joined_));
        task.release(); // the host's now
    }

    /* --- The border: for the bases that are made of this one */

    /* Calls and returns what comes of it. @param failed  Called with what() of an exception. */
    template <class Call, class Failed> static int32_t fenced(Call call, Failed failed)
    {
        try {
            if constexpr (std::is_void_v<decltype(call())>) {
                call();
                return TONI_OK;
            } else {
                return call();
            }
#ifdef __GLIBCXX__
        } catch (abi::__forced_unwind &) { // a thread that is being ended
            throw;
#endif
        } catch (const std::exception &thrown) {
            return failed(thrown.what());
        } catch (...) {
            return failed("an exception that is no std::exception");
        }
    }

    int32_t caught(const char *where, const char *what)
    {
        exceptions_++;
        toni_count(figure_, 1);
        if (may_log())
            toni_log(context_.handle(), TONI_LOG_ERROR, "an exception in %s: %s", where, what);
        return TONI_ERR_FAILED;
    }

    /* A client may be able to make a callback throw again and again: the log gets ten lines a
     * second, exceptions() and the figure count all. */
    bool may_log()
    {
        using namespace std::chrono;
        const int64_t now = duration_cast<seconds>(steady_clock::now().time_since_epoch()).count();
        if (logged_second_.exchange(now) != now)
            logged_ = 0;
        return logged_++ < 10;
    }

    template <class Call> static int32_t call_(void *self, const char *where, Call call)
    {
        T *instance = static_cast<T *>(self);
        return fenced([&] { return call(*instance); },
                      [&](const char *what) { return instance->caught(where, what); });
    }

    /* As call, for a callback that has a client: an error of the host's is its result, as it is of
     * a callback in C, and what it costs the client is decided in the same way. */
    template <class Call> static int32_t answer_(void *self, const char *where, Call callback)
    {
        return call_(self, where, [&](T &t) -> int32_t {
            try {
                callback(t);
            } catch (const error &refused) {
                return refused.code();
            }
            return TONI_OK;
        });
    }

    /* What the descriptors of all have. */
    static constexpr toni_plugin describe_(uint32_t kind, toni_str name, toni_str path)
    {
        toni_plugin plugin = toni_plugin_make(kind);
        plugin.name = name;
        plugin.path = path;
        plugin.create = create_;
        plugin.destroy = destroy_;
        plugin.state_version = T::state_version;
#define TONI_TAKE(member)                                                                          \
    if constexpr (!std::is_same_v<decltype(&T::member), decltype(&instance::member)>)              \
    plugin.member = member##_
        TONI_TAKE(start);
        TONI_TAKE(ready);
        TONI_TAKE(stopping);
        TONI_TAKE(export_state);
        TONI_TAKE(import_state);
#undef TONI_TAKE
        return plugin;
    }

  private:
    struct work_pair {
        std::function<void()> job, done;
        std::string what;
    };

    static int32_t create_(toni_context *context, void **self)
    {
        return fenced(
            [&] { *self = std::make_unique<T>(toni::context(context)).release(); },
            [&](const char *what) { return toni_fail(context, TONI_ERR_FAILED, "%s", what); });
    }
    static void destroy_(void *self)
    {
        delete static_cast<T *>(self);
    }
    static int32_t start_(void *self)
    {
        return call_(self, "start", [](T &t) { t.start(); });
    }
    static int32_t ready_(void *self)
    {
        return call_(self, "ready", [](T &t) { t.ready(); });
    }
    static void stopping_(void *self, uint32_t why)
    {
        (void)call_(self, "stopping", [&](T &t) { t.stopping(why); });
    }
    static int32_t export_state_(void *self, toni_state_writer *writer)
    {
        return call_(self, "export_state", [&](T &t) {
            const std::string bytes = t.export_state();
            return toni_state_write(writer, bytes.data(), bytes.size());
        });
    }
    static int32_t import_state_(void *self, const toni_state *state)
    {
        return call_(self, "import_state",
                     [&](T &t) { t.import_state(state->version, view(state->bytes)); });
    }

    /* --- Tasks */

    using add_fn = int64_t (*)(toni_context *, uint64_t, toni_run_fn, void *, toni_release_fn);

    timer add_timer(add_fn add, uint64_t ms, std::function<void()> run)
    {
        auto task = std::make_unique<std::function<void()>>(std::move(run));
        const int64_t id = add(context_.handle(), ms, run_, task.get(), release_);
        if (id < 0)
            throw error(static_cast<int32_t>(id));
        task.release(); // the host's now
        return timer(context_.handle(), id);
    }
    static void run_(void *self, void *data)
    {
        (void)call_(self, "a task", [&](T &) { (*static_cast<std::function<void()> *>(data))(); });
    }
    static void release_(void *data)
    {
        delete static_cast<std::function<void()> *>(data);
    }
    static void joined_(void *self, void *data, const toni_joined *joined)
    {
        const auto &then = *static_cast<std::function<void(const toni_joined &)> *>(data);
        (void)call_(self, "a task", [&](T &) { then(*joined); });
    }
    static void release_joined_(void *data)
    {
        delete static_cast<std::function<void(const toni_joined &)> *>(data);
    }
    static int32_t job_(void *data)
    {
        auto *pair = static_cast<work_pair *>(data);
        return fenced([&] { pair->job(); },
                      [&](const char *what) {
                          pair->what = what;
                          return TONI_ERR_FAILED;
                      });
    }
    static void done_(void *self, void *data, int32_t result)
    {
        auto *pair = static_cast<work_pair *>(data);
        if (result < 0)
            (void)static_cast<T *>(self)->caught("a job", pair->what.c_str());
        else if (pair->done)
            (void)call_(self, "a task", [&](T &) { pair->done(); });
    }

    toni::context context_;
    toni_figure *figure_;
    std::atomic<uint64_t> exceptions_{0};
    std::atomic<int64_t> logged_second_{0};
    std::atomic<uint32_t> logged_{0};
};

} // namespace toni

#endif
