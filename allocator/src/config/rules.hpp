// What texts in gpuhub.toml must look like. Each rule says in words what it allows.
#pragma once

#include <string_view>

#include "config/table.hpp"

namespace gpuhub::config::rules {

bool is_plain_text(std::string_view text, std::size_t most);  // UTF-8, no control characters
bool is_loopback(std::string_view ip);

extern const TextRule hub_name, address, account, group, watcher, host_path, gpu_id, label,
    gpu_model, device, mount, image, slug, display_name, description, capability;
// Of people and their ways in (rules_people.cpp).
extern const TextRule people_group, public_url, https_url, server, dn, directory_account, filter,
    attribute, client_id, scope, claim;
// Of notebooks and their network.
extern const TextRule reach, subnet, proxy_url, no_proxy;

}  // namespace gpuhub::config::rules
