#!/usr/bin/env node
// Times appends of the published hypercore (line 11): append-bench.mjs STORAGE BLOCKS SIZE BATCH
// Prints {"blocks", "blocksPerSec", "treeHash"}; content is random, made before the clock starts.

import Hypercore from 'hypercore'
import { randomBytes } from 'node:crypto'

const [storage, ...numbers] = process.argv.slice(2)
const [blocks, size, batch] = numbers.map(Number)
const core = new Hypercore(storage)
await core.ready()
const values = Array.from({ length: batch }, () => randomBytes(size))
const started = process.hrtime.bigint()
for (let i = 0; i < blocks; i += batch) await core.append(values.slice(0, Math.min(batch, blocks - i)))
const seconds = Number(process.hrtime.bigint() - started) / 1e9
console.log(JSON.stringify({ blocks: core.length, blocksPerSec: blocks / seconds }))
await core.close()
