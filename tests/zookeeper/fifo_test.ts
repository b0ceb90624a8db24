import assert from "node:assert/strict";
import fc from "fast-check";
import { Fifo } from "../../lib/zookeeper/fifo.ts";

Deno.test("Fifo behaves as an array does", () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant("push" as const), count: fc.nat(700) }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant("shift" as const), count: fc.nat(700) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("takeAll" as const) }) },
  );
  fc.assert(fc.property(fc.array(step), (steps) => {
    const queue = new Fifo<number>();
    let model: number[] = [];
    let next = 0;
    for (const step of steps) {
      if (step.do === "push") {
        for (let i = 0; i < step.count; i++) {
          queue.push(next);
          model.push(next++);
        }
      } else if (step.do === "shift") {
        for (let i = 0; i < step.count; i++) {
          assert.equal(queue.peek(), model[0]);
          assert.equal(queue.shift(), model.shift());
        }
      } else {
        assert.deepEqual(queue.takeAll(), model);
        model = [];
      }
      assert.equal(queue.length, model.length);
    }
  }));
});
