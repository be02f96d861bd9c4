# sqlite3 on inserts by the hundred thousand, in memory, with an index, text, blobs and a sort that spills.
# usage: sqlite.sh small|full FOLDER [WORDS TO START WITH...]
set -euo pipefail
size=$1
shift 2
rows=60000
[ "$size" = full ] && rows=1000000
"$@" sqlite3 :memory: <<SQL
create table t(id integer primary key, name text, data blob, k integer);
create index by_name on t(name);
with recursive n(i) as (select 1 union all select i + 1 from n where i < $rows)
  insert into t select i, 'name ' || (i * 7919 % 1000003), zeroblob(i % 200), i * 31 % 1009 from n;
select count(*), sum(length(name)), sum(length(data)), sum(k) from t;
select k, count(*), group_concat(substr(name, 6, 2), '') from t where id % 50 = 0 group by k order by k limit 40;
update t set data = zeroblob(id % 1500) where id % 10 = 0;
delete from t where id % 3 = 0;
select count(*), sum(length(data)), max(name) from (select * from t order by name desc, id);
pragma integrity_check;
SQL
