# A node program with garbage, buffers, workers and child processes.
# usage: node.sh small|full FOLDER [WORDS TO START WITH...]
set -euo pipefail
size=$1
shift 2
rounds=20
[ "$size" = full ] && rounds=300
"$@" node "$(dirname "${BASH_SOURCE[0]}")/program.js" $rounds
