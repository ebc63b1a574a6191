"""The rules of style that a machine can check, as data. What each means: check_style.py."""

# Which layers a layer may include, besides itself. Arrows point one way; daemon wires all.
MAY_INCLUDE = {
    "model": [],
    "policy": ["model"],
    "ledger": ["model", "policy"],
    "service": ["model", "policy", "ledger", "store", "runtime", "inventory"],
    "api": ["model", "config", "policy", "ledger", "service", "inject", "inventory", "runtime", "http"],
    "config": ["model"],
    "store": ["model"],
    "inventory": ["model"],
    "inject": ["model", "config", "inventory"],  # config: which driver was chosen
    "http": ["model"],
    "runtime": ["model", "http"],
    "ctl": ["model", "config", "http"],
    "nvml_sim": [],
    "daemon": None,  # anything
}

# A library's headers stay in the layers that wrap it.
WRAPPED = {
    "boost/asio": ["http"],
    "boost/beast": ["http"],
    "sqlite3.h": ["store"],
    "dlfcn.h": ["inventory"],
    "toml++/": ["config"],
    "yaml-cpp/": ["inventory"],
}

# The deterministic core: time, chance and order come in as arguments.
CORE = ["model", "policy", "ledger", "service"]
BANNED = {
    r"\bsystem_clock\b": "model::Now, passed in",
    r"\bsteady_clock\b": "model::Now, passed in",
    r"\bhigh_resolution_clock\b": "model::Now, passed in",
    r"\b(?:clock_gettime|gettimeofday)\s*\(": "model::Now, passed in",
    r"(?:\bstd::|[^\w.>])time\s*\(\s*(?:nullptr|NULL|0|&)": "model::Now, passed in",
    r"\bs?rand\s*\(": "a number passed in",
    r"\brandom_device\b": "a number passed in",
    r"\bmt19937": "a number passed in",
    r"\bunordered_(?:multi)?(?:map|set)\b": "std::map or std::set: their order is the same each run",
    r"\bstd::j?thread\b": "the caller's pump()",
    r"\bstd::async\b": "the caller's pump()",
    r"\bstd::(?:recursive_|shared_)?mutex\b": "one thread calls everything",
    r"\b(?:u|nano)?sleep(?:_for|_until)?\s*\(": "next_deadline() and pump()",
    r"\bthread_local\b": "a member",
}

LIMITS = {"header": 120, "source": 400, "test": 500, "function": 70, "line": 100}

# A ratchet: what is over a limit today, and how far. May only shrink; an entry that is not needed
# any more is an error too. Path: {limit: longest}, for "line": {"line": how many are too long}.
OVER = {
    "src/config/export.cpp": {"line": 1},
    "src/config/quantity.hpp": {"line": 1},
    "src/config/rules.cpp": {"line": 6},
    "src/config/rules.hpp": {"line": 1},
    "src/daemon/daemon.cpp": {"line": 1},
    "src/daemon/gpu_watch.cpp": {"line": 1},
    "src/daemon/machine_watch.hpp": {"line": 1},
    "src/ledger/container_rules.cpp": {"line": 1},
    "src/ledger/gpu_rules.cpp": {"line": 1},
    "src/ledger/lease_rules.cpp": {"line": 3},
    "src/model/gpu.hpp": {"line": 1},
    "src/model/ids.hpp": {"line": 1},
    "src/model/lease.hpp": {"line": 2},
    "src/policy/least_used.cpp": {"line": 1},
    "src/policy/least_used.hpp": {"line": 1},
    "src/service/watcher.cpp": {"line": 1},
    "src/store/schema.cpp": {"line": 1},
    "tests/api/metrics_test.cpp": {"line": 2},
    "tests/api/requests_test.cpp": {"line": 2},
    "tests/api/write_test.cpp": {"line": 3},
    "tests/config/read_test.cpp": {"line": 1},
    "tests/runtime/docker_engine_test.cpp": {"line": 2},
    "tests/runtime/docker_json_test.cpp": {"line": 2},
}
