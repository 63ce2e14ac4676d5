# shellcheck shell=bash
# The way from the network namespace of a test engine to the outside: one veth pair, one NAT rule. To be sourced.
# The namespace has no name and dies with its last process, and its end of the pair with it.

# The addresses lie in the range set aside for network tests (RFC 2544), which no real network uses.
network_of() { printf '198.18.77.%d' "$(($(engine_number "$1") * 4))"; }
gateway_of() { printf '198.18.77.%d' "$(($(engine_number "$1") * 4 + 1))"; }
address_of() { printf '198.18.77.%d' "$(($(engine_number "$1") * 4 + 2))"; }

# The name of the device on the machine's side; at most 15 characters.
device_of() { printf 'wharf-%s' "$1"; }

# The smallest MTU on the way out, so that nothing has to be fragmented behind our back.
uplink_mtu() {
  local device
  device=$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n1)
  cat "/sys/class/net/${device:-lo}/mtu" 2>/dev/null || echo 1500
}

# The firewall rules of an engine, one a line, without the verb in front.
rules_of() {
  local device
  device=$(device_of "$1")
  printf '%s\n' "nat POSTROUTING -s $(network_of "$1")/30 ! -o $device -j MASQUERADE" \
    "filter FORWARD -i $device -j ACCEPT" "filter FORWARD -o $device -j ACCEPT"
}

# change_rules NAME -I|-D: a rule is never there twice, and deleting one that is not there is no mistake.
change_rules() {
  local table chain rule
  while read -r table chain rule; do
    # shellcheck disable=SC2086 # a rule is a list of words
    while iptables -w -t "$table" -C "$chain" $rule 2>/dev/null; do iptables -w -t "$table" -D "$chain" $rule; done
    # shellcheck disable=SC2086
    if [ "$2" = -I ]; then iptables -w -t "$table" -I "$chain" $rule; fi
  done < <(rules_of "$1")
}

# Gives the network namespace of a process a way out: network_up NAME PID
network_up() {
  local device inside=(nsenter "--net=/proc/$2/ns/net") mtu
  device=$(device_of "$1")
  mtu=$(uplink_mtu)
  network_down "$1"
  ip link add "$device" mtu "$mtu" type veth peer name eth0 mtu "$mtu" netns "$2"
  ip address add "$(gateway_of "$1")/30" dev "$device"
  ip link set "$device" up
  "${inside[@]}" ip link set lo up
  "${inside[@]}" ip address add "$(address_of "$1")/30" dev eth0
  "${inside[@]}" ip link set eth0 up
  "${inside[@]}" ip route add default via "$(gateway_of "$1")"
  # Docker switches it on as well, and nobody else of those who need it would survive our switching it off again.
  echo 1 >/proc/sys/net/ipv4/ip_forward
  change_rules "$1" -I
}

network_down() {
  change_rules "$1" -D
  ip link delete "$(device_of "$1")" 2>/dev/null || true
}

# A resolver on loopback is out of reach from the namespace: this prints a resolv.conf that is not, or nothing when
# the machine's own will do.
reachable_resolvers() {
  local file
  grep -qE '^nameserver +(127\.|::1)' /etc/resolv.conf || return 0
  for file in /etc/resolv.conf /run/systemd/resolve/resolv.conf /run/NetworkManager/no-stub-resolv.conf; do
    if grep -E '^nameserver' "$file" 2>/dev/null | grep -qvE '^nameserver +(127\.|::1)'; then
      grep -vE '^nameserver +(127\.|::1)' "$file"
      return
    fi
  done
  say "note: names are resolved on loopback only here, which containers of this engine cannot reach"
}
