# attack: hostile guests, clients and ends against a scratch daemon, with a table as output, so that a user can judge a host.
#
# Each kit is a file of its own, attack-NAME.sh, with a function attack_NAME.

dev_attack() {
  local kits kit=${1:-}
  kits=$(declare -F | sed -n 's/^declare -f attack_//p' | sort | tr '\n' ' ')
  [ -n "$kit" ] || fail "attack: which kit?" "kits: $kits"
  declare -F "attack_$kit" >/dev/null || fail "attack: there is no kit $kit" "kits: $kits"
  need_root "attack $kit"
  shift
  "attack_$kit" "$@"
}
