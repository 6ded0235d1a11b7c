/** Random choices that are the same on every machine: mulberry32 behind a few verbs. */
export class Random {
  #state

  /** Every pair of a seed and a number has a sequence of its own. */
  constructor(seed, number) {
    this.#state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number + 1, 0xc2b2ae35)) | 0
    // The first outputs of neighbouring states resemble each other.
    for (let i = 0; i < 4; i++) this.#next()
  }

  /** From 0 to `limit` - 1. */
  integer(limit) {
    return Math.floor(this.#next() * limit)
  }

  chance(probability) {
    return this.#next() < probability
  }

  pick(list) {
    return list[this.integer(list.length)]
  }

  /** One of `[weight, value]` pairs. */
  weighted(pairs) {
    let rest = this.#next() * pairs.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, value] of pairs) {
      rest -= weight
      if (rest < 0) return value
    }
    return pairs.at(-1)[1]
  }

  #next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
