// Answers commands, one JSON object per line, so that a test can drive a foreign program over its standard streams.
//
// In:  {"id": 7, "do": "post", …}          Out: {"id": 7, "ok": true, "result": …} or {"id": 7, "ok": false, "error": "…"}
// Commands run at once, side by side; answers come as each is done. The end of the input ends the program.

import { createInterface } from "node:readline";

// Standard output carries answers only: libraries that print would break the lines.
for (const name of ["log", "info", "debug", "trace", "warn", "error"]) {
  console[name] = (...words) => process.stderr.write(`${words.map(String).join(" ")}\n`);
}

/** Writes one line for the test. */
export function write(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Says `ready` with what the test must know, then answers until the input ends. */
export function serve(commands, ready) {
  const answer = async (line) => {
    let command;
    try {
      command = JSON.parse(line);
      const run = commands[command.do];
      if (run === undefined) {
        throw new Error(`no command ${command.do}; there are ${Object.keys(commands).sort().join(", ")}`);
      }
      write({ id: command.id, ok: true, result: (await run(command)) ?? null });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      process.stderr.write(`${command?.do}: ${error?.stack ?? text}\n`);
      write({ id: command?.id ?? null, ok: false, error: `${error?.errcode ? `${error.errcode}: ` : ""}${text}` });
    }
  };
  createInterface({ input: process.stdin, crlfDelay: Infinity })
    .on("line", (line) => void answer(line))
    .on("close", () => process.exit(0));
  write({ ready: true, ...ready });
}

/** Lets commands wait for a state: `until` asks again whenever `changed` was called, and gives up at its deadline. */
export class Changes {
  #waiting = new Set();

  changed() {
    for (const ask of [...this.#waiting]) ask();
  }

  /** Resolves with the first value of `find()` that is not undefined; rejects with `describe()` after `seconds`. */
  until(find, seconds, describe) {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(ask);
        clearInterval(beat);
        clearTimeout(limit);
      };
      const ask = () => {
        try {
          const found = find();
          if (found === undefined) return;
          end();
          resolve(found);
        } catch (error) {
          end();
          reject(error);
        }
      };
      // Some libraries finish their own bookkeeping after the event that announced it.
      const beat = setInterval(ask, 100);
      const limit = setTimeout(() => {
        end();
        reject(new Error(`not within ${seconds} s: ${describe()}`));
      }, seconds * 1000);
      this.#waiting.add(ask);
      ask();
    });
  }
}
