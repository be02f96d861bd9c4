# g++ compiling files of this project: the driver starts cc1plus and as; the objects must be the same bytes.
# usage: gxx.sh small|full FOLDER [WORDS TO START WITH...]
set -euo pipefail
size=$1 folder=$2
shift 2
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
files=(src/record/region.cc)
[ "$size" = full ] && files=(src/record/region.cc src/record/blocks.cc src/snapshot/to_profile.cc src/diagnose/judge.cc)
for file in "${files[@]}"; do
  "$@" g++ -std=c++20 -O2 -g -frandom-seed=1 -I"$root/src" -I"$root/include" -c "$root/$file" -o "$folder/object.o"
  sha256sum <"$folder/object.o"
done
echo 'int main() { return undeclared; }' >"$folder/wrong.cc"
("$@" g++ -c "$folder/wrong.cc" -o "$folder/wrong.o" 2>&1 || echo "exit code $?") | sed "s|$folder|.|g"
