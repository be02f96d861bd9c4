// What node.sh runs: objects and JSON, buffers outside the JavaScript heap, compression on the thread pool, workers,
// child processes. Prints checksums.
'use strict';
const crypto = require('crypto');
const zlib = require('zlib');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { execFile, execFileSync } = require('child_process');
const { promisify } = require('util');

const digest = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex').slice(0, 16);

function objects(seed, rounds) {
  let text = '';
  for (let r = 0; r < rounds; ++r) {
    const list = [];
    for (let i = 0; i < 500; ++i) list.push({ id: i * seed, name: `n${r}-${i}`, kids: [i, { v: i * 0.5 }] });
    const back = JSON.parse(JSON.stringify(list));
    const map = new Map(back.map((o) => [o.name, Buffer.alloc((o.id % 70) * 100 + 1, r)]));
    text = digest(JSON.stringify(back.slice(-3)) + [...map.values()].reduce((n, b) => n + b.length, 0) + text);
  }
  return text;
}

if (!isMainThread) {
  parentPort.postMessage(objects(workerData.seed, workerData.rounds));
} else {
  const rounds = Number(process.argv[2]);
  const worker = (seed) =>
    new Promise((resolve, reject) => {
      const w = new Worker(__filename, { workerData: { seed, rounds } });
      w.on('message', resolve);
      w.on('error', reject);
    });
  (async () => {
    console.log('objects', objects(3, rounds));
    console.log('workers', (await Promise.all([5, 7, 11, 13].map(worker))).join(' '));
    const plain = Buffer.alloc(1 << 20, 'some text that compresses well, number after number');
    const packed = await Promise.all(Array.from({ length: 8 }, (_, i) => promisify(zlib.gzip)(plain.subarray(i * 1000))));
    const back = await Promise.all(packed.map((p) => promisify(zlib.gunzip)(p)));
    console.log('zlib', back.map((b) => digest(b)).join(' '));
    const children = Array.from({ length: 6 }, (_, i) => promisify(execFile)('sh', ['-c', `echo child ${i}; exit 0`]));
    console.log('children', (await Promise.all(children)).map((c) => c.stdout.trim()).join(', '));
    console.log('sync', execFileSync('cat', { input: 'through a pipe' }).toString());
  })();
}
