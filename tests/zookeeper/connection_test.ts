import assert from "node:assert/strict";
import fc from "fast-check";
import { Connection } from "../../lib/zookeeper/connection.ts";
import { CODE, EVENT, OP, STATE, XID } from "../../lib/zookeeper/constants.ts";
import {
  AuthFailedError,
  ConnectionLossError,
  SessionExpiredError,
} from "../../lib/zookeeper/errors.ts";
import { parseHosts } from "../../lib/zookeeper/hosts.ts";
import { JuteError, JuteReader, JuteWriter } from "../../lib/zookeeper/jute.ts";
import {
  readAuthPacket,
  readSetWatches,
  readStat,
  writeConnectResponse,
  writeReplyHeader,
} from "../../lib/zookeeper/records.ts";
import { ProtocolError } from "../../lib/zookeeper/transport.ts";
import { anyBytes, int64 } from "./arbitraries.ts";
import { type FakeConnection, FakeServer, type Script } from "./fake_server.ts";
import { Recorder } from "./recorder.ts";

/** Answers every request with nothing but a header. */
const polite: Script = async (client) => {
  await client.greet();
  await client.rest();
};

/** Takes what comes and says nothing. */
const silent: Script = (client) => client.gone();

const EMPTY_STRING = (out: JuteWriter) => out.string("");

Deno.test("Connection shakes hands and takes what the server grants", async () => {
  const password = new Uint8Array(16).fill(9);
  await using server = new FakeServer(async (client) => {
    const request = await client.greet({ timeoutMs: 2345, sessionId: 77n, password });
    assert.deepEqual(request, {
      protocolVersion: 0,
      lastZxidSeen: 0n,
      timeoutMs: 3000,
      sessionId: 0n,
      password: new Uint8Array(16),
      readOnly: false,
    });
    await client.rest();
  });
  await using recorder = new Recorder(server.hosts);
  const { connection } = recorder;
  assert.equal(connection.state, STATE.connecting);
  assert.equal(connection.sessionTimeoutMs, 3000);
  await recorder.connected();
  assert.equal(connection.state, STATE.connected);
  assert.equal(connection.sessionTimeoutMs, 2345);
  assert.equal(connection.sessionId, 77n);
  assert.deepEqual(connection.password, password);
});

Deno.test("Connection takes the reply of a server that knows no readOnly", async () => {
  await using server = new FakeServer(async (client) => {
    await client.frame();
    const out = new JuteWriter();
    const password = new Uint8Array(16);
    writeConnectResponse(out, {
      protocolVersion: 0,
      timeoutMs: 3000,
      sessionId: 5n,
      password,
      readOnly: false,
    });
    await client.send(out.bytes.slice(0, -1));
    await client.rest();
  });
  await using recorder = new Recorder(server.hosts);
  await recorder.connected();
  assert.equal(recorder.connection.sessionId, 5n);
});

Deno.test("Connection tries the next server when one speaks no ZooKeeper", async () => {
  const junk = (bytes: readonly number[]): Script => async (client) => {
    await client.frame();
    await client.raw(Uint8Array.from(bytes));
    await client.gone();
  };
  const afterGreeting = (break_: Script): Script => async (client) => {
    await client.greet();
    await break_(client);
    await client.gone();
  };
  const table: readonly (readonly [string, Script, RegExp, unknown])[] = [
    [
      "HTTP",
      junk([...new TextEncoder().encode("HTTP/1.1 400 Bad\r\n\r\n")]),
      /a frame of/,
      ProtocolError,
    ],
    ["a negative length", junk([255, 255, 255, 255]), /a frame of -1 bytes/, ProtocolError],
    ["a length beyond jute.maxbuffer", junk([0, 16, 4, 0]), /a frame of 1049600/, ProtocolError],
    ["an empty frame", junk([0, 0, 0, 0]), /ends early/, JuteError],
    ["a handshake cut short", junk([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 16, 0]), /ends early/, JuteError],
    [
      "a password of another length",
      async (client) => {
        await client.greet({ password: new Uint8Array(3) });
        await client.gone();
      },
      /password of 3 bytes/,
      ProtocolError,
    ],
    [
      "another protocol version",
      async (client) => {
        await client.greet({ protocolVersion: 7 });
        await client.gone();
      },
      /protocol version 7/,
      ProtocolError,
    ],
    [
      "no session where a new one was asked for",
      async (client) => {
        await client.greet({ timeoutMs: 0, sessionId: 0n });
        await client.gone();
      },
      /it gives no session/,
      ProtocolError,
    ],
    ["a connection that ends at once", () => {}, /Connection closed by|Cannot connect/, null],
    [
      "a frame that stops halfway",
      async (client) => {
        await client.greet();
        await client.raw(Uint8Array.of(0, 0, 0, 16, 0));
      },
      /Connection closed by|Lost the connection/,
      null,
    ],
    [
      "a reply without a request",
      afterGreeting((client) => client.reply(42)),
      /out of order: expected none, got that to 42/,
      ProtocolError,
    ],
    [
      "a reply with a positive code",
      afterGreeting((client) => client.reply(1, { err: 7 })),
      /the code 7/,
      ProtocolError,
    ],
    [
      "a reply too short for a header",
      afterGreeting((client) => client.send(Uint8Array.of(0, 0, 0, 1, 0))),
      /ends early/,
      JuteError,
    ],
    [
      "an event without its record",
      afterGreeting((client) => client.reply(XID.watchEvent, { zxid: -1n })),
      /ends early/,
      JuteError,
    ],
    [
      "an event with a broken path",
      afterGreeting((client) =>
        client.reply(XID.watchEvent, {
          record: (out) => {
            out.int(1);
            out.int(3);
            out.int(1000);
          },
        })
      ),
      /out of bounds/,
      JuteError,
    ],
    [
      "watches refused",
      afterGreeting((client) => client.reply(XID.setWatches, { err: -6 })),
      /watches were not set again, code -6/,
      ProtocolError,
    ],
  ];
  for (const [name, script, message, cause] of table) {
    await using bad = new FakeServer(script);
    await using good = new FakeServer(polite);
    await using recorder = new Recorder(`${bad.hosts},${good.hosts}`);
    const error = await recorder.trouble();
    assert.ok(error instanceof ConnectionLossError, name);
    assert.match(error.message, message, name);
    assert.ok(error.message.includes(bad.hosts), name);
    if (cause !== null) assert.ok(error.cause instanceof (cause as typeof Error), name);
    await recorder.until(() => good.count === 1 && recorder.connection.state === STATE.connected);
  }
});

Deno.test("Connection leaves a server that accepts and stays silent", async () => {
  await using bad = new FakeServer(silent);
  await using good = new FakeServer(polite);
  await using recorder = new Recorder(`${bad.hosts},${good.hosts}`, { sessionTimeoutMs: 900 });
  await recorder.connected();
  assert.equal(bad.count, 1);
  assert.match(recorder.troubles[0]!.message, /No answer from .*nothing heard for \d+ ms/);
});

Deno.test("Connection leaves a server that falls silent later, and pings before", async () => {
  const requests: number[] = [];
  await using bad = new FakeServer(async (client) => {
    await client.greet();
    for (;;) requests.push((await client.request({ pings: true })).xid);
  });
  await using good = new FakeServer(polite);
  await using recorder = new Recorder(`${bad.hosts},${good.hosts}`, { sessionTimeoutMs: 600 });
  await recorder.connected(2);
  assert.match(recorder.troubles[0]!.message, /No answer/);
  assert.ok(requests.includes(XID.ping));
});

Deno.test("Connection leaves a server that answers pings and no request", async () => {
  await using bad = new FakeServer(async (client) => {
    await client.greet();
    for (;;) await client.request();
  });
  await using good = new FakeServer(polite);
  await using recorder = new Recorder(`${bad.hosts},${good.hosts}`, { sessionTimeoutMs: 400 });
  assert.equal((await recorder.ask(OP.exists, "/a")).code, CODE.ZCONNECTIONLOSS);
  assert.match(recorder.troubles[0]!.message, /No answer from .*no reply to a request for \d+ ms/);
  assert.equal((await recorder.ask(OP.exists, "/a")).code, CODE.ZOK);
});

Deno.test("Connection leaves a server whose frame swallows all that follows", async () => {
  await using bad = new FakeServer(async (client) => {
    await client.greet();
    const { xid } = await client.request();
    await client.raw(Uint8Array.of(0, 1, 0, 0));
    await client.reply(xid);
    // Pings are answered, inside of that frame.
    for (;;) await client.request();
  });
  await using good = new FakeServer(polite);
  await using recorder = new Recorder(`${bad.hosts},${good.hosts}`, { sessionTimeoutMs: 400 });
  assert.equal((await recorder.ask(OP.exists, "/a")).code, CODE.ZCONNECTIONLOSS);
  assert.match(recorder.troubles[0]!.message, /nothing heard for/);
  assert.equal((await recorder.ask(OP.exists, "/a")).code, CODE.ZOK);
});

Deno.test("Connection keeps an idle session with pings", async () => {
  let pings = 0;
  await using server = new FakeServer(async (client) => {
    await client.greet();
    for (;;) {
      const { xid } = await client.request({ pings: true });
      if (xid === XID.ping) pings++;
      await client.reply(xid);
    }
  });
  await using recorder = new Recorder(server.hosts, { sessionTimeoutMs: 300 });
  await recorder.connected();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  assert.deepEqual(recorder.troubles, []);
  assert.ok(pings >= 5, `${pings} pings`);
});

Deno.test("Connection fails what is under way when it drops, and sends what comes after", async () => {
  await using server = new FakeServer(async (client) => {
    await client.greet();
    await client.request();
    await client.request();
  }, async (client) => {
    await client.greet();
    const { xid, type } = await client.request();
    assert.equal(type, OP.getData);
    await client.reply(xid, { err: CODE.ZNONODE });
    await client.rest();
  });
  await using recorder = new Recorder(server.hosts);
  await recorder.connected();
  const [first, second] = await Promise.all([
    recorder.ask(OP.exists, "/a").then(async (outcome) => {
      // A listener that tries again at once must not be failed with the others.
      return [outcome, await recorder.ask(OP.getData, "/c")] as const;
    }),
    recorder.ask(OP.exists, "/b"),
  ]);
  assert.equal(first[0].code, CODE.ZCONNECTIONLOSS);
  assert.equal(second.code, CODE.ZCONNECTIONLOSS);
  assert.equal(first[1].code, CODE.ZNONODE);
  assert.deepEqual(recorder.states, [STATE.connected, STATE.connecting, STATE.connected]);
});

Deno.test("Connection queues requests until it is connected, in order", async () => {
  const paths: string[] = [];
  await using server = new FakeServer(async (client) => {
    await client.greet();
    for (;;) {
      const { xid, type, record } = await client.request();
      if (type === OP.exists) paths.push(record.string());
      await client.reply(xid, { err: CODE.ZNONODE });
    }
  });
  await using recorder = new Recorder(server.hosts);
  const names = Array.from({ length: 100 }, (_, i) => `/${i}`);
  const outcomes = await Promise.all(names.map((name) => recorder.ask(OP.exists, name)));
  assert.deepEqual(paths, names);
  assert.ok(outcomes.every(({ code }) => code === CODE.ZNONODE));
});

Deno.test("Connection fails queued requests with connection loss when no server is there", async () => {
  const gone = new FakeServer();
  await gone[Symbol.asyncDispose]();
  await using recorder = new Recorder(gone.hosts);
  assert.equal((await recorder.ask(OP.exists, "/a")).code, CODE.ZCONNECTIONLOSS);
  assert.match(
    (await recorder.trouble()).message,
    /Cannot connect to the ZooKeeper server .*refused/,
  );
  assert.equal((await recorder.ask(OP.exists, "/a")).code, CODE.ZCONNECTIONLOSS);
  assert.equal(recorder.connection.state, STATE.connecting);
  assert.deepEqual(recorder.states, [], "it was never connected");
});

Deno.test("Connection drops a server whose replies come out of order", async () => {
  await using server = new FakeServer(async (client) => {
    await client.greet();
    const first = await client.request();
    const second = await client.request();
    await client.reply(second.xid);
    await client.reply(first.xid);
    await client.gone();
  }, polite);
  await using recorder = new Recorder(server.hosts);
  const outcomes = await Promise.all([
    recorder.ask(OP.exists, "/a"),
    recorder.ask(OP.exists, "/b"),
  ]);
  assert.deepEqual(outcomes.map(({ code }) => code), [CODE.ZCONNECTIONLOSS, CODE.ZCONNECTIONLOSS]);
  assert.ok(recorder.troubles[0]!.cause instanceof ProtocolError);
  await recorder.connected(2);
});

Deno.test("Connection fails a request whose reply is broken, and drops the server", async () => {
  await using server = new FakeServer(async (client) => {
    await client.greet();
    const { xid } = await client.request();
    await client.reply(xid, { record: (out) => out.int(5) });
    await client.gone();
  }, polite);
  await using recorder = new Recorder(server.hosts);
  const outcomes = await Promise.all([
    recorder.ask(OP.sync, "/a", (_code, record) => record!.string()),
    recorder.ask(OP.sync, "/b"),
  ]);
  assert.deepEqual(outcomes.map(({ code }) => code), [
    CODE.ZMARSHALLINGERROR,
    CODE.ZCONNECTIONLOSS,
  ]);
  await recorder.connected(2);
});

Deno.test("Connection refuses a request longer than jute.maxbuffer and sends the others", async () => {
  await using server = new FakeServer(polite);
  await using recorder = new Recorder(server.hosts, { maxBufferBytes: 1000 });
  await recorder.connected();
  const { connection } = recorder;
  const before = recorder.ask(OP.exists, "/a");
  const out = connection.begin(OP.setData)!;
  out.string("/b");
  out.buffer(new Uint8Array(1000));
  const refused = connection.send(() => assert.fail("called"));
  const after = recorder.ask(OP.exists, "/c");
  assert.equal(refused, CODE.ZMARSHALLINGERROR);
  assert.deepEqual([(await before).code, (await after).code], [0, 0]);
  assert.deepEqual(recorder.troubles, []);
});

Deno.test("Connection takes a reply that comes byte by byte, and one of a megabyte", async () => {
  const large = new Uint8Array(0xfffff).fill(5);
  await using server = new FakeServer(async (client) => {
    await client.greet();
    const { xid } = await client.request();
    const reply = new JuteWriter();
    reply.int(0);
    reply.int(xid);
    reply.long(1n);
    reply.int(0);
    reply.string("slow");
    reply.patchInt(0, reply.length - 4);
    for (const byte of reply.bytes.slice()) {
      await client.raw(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (let i = 0; i < 2; i++) {
      const next = await client.request();
      await client.reply(next.xid, { record: (out) => out.buffer(large) });
    }
    await client.reply((await client.request()).xid, { record: EMPTY_STRING });
    await client.rest();
  });
  await using recorder = new Recorder(server.hosts);
  const slow = await recorder.ask(OP.sync, "/a", (_code, record) => record!.string());
  assert.equal(slow.value, "slow");
  const larges = await Promise.all(
    [1, 2].map(() => recorder.ask(OP.getData, "/a", (_code, record) => record!.buffer())),
  );
  for (const { value } of larges) assert.deepEqual(value, large);
  assert.equal((await recorder.ask(OP.sync, "/a", (_code, record) => record!.string())).value, "");
});

Deno.test("Connection comes back with its session, its credentials and its watches", async () => {
  const seen: string[] = [];
  const password = new Uint8Array(16).fill(3);
  const answer = async (client: FakeConnection, zxid: bigint) => {
    const { xid, record } = await client.request();
    const path = record.string();
    await client.reply(xid, { zxid, err: path === "/none" ? CODE.ZNONODE : 0 });
  };
  await using server = new FakeServer(async (client) => {
    await client.greet({ sessionId: 99n, password });
    await client.reply((await client.request()).xid, { zxid: -1n });
    for (let zxid = 11n; zxid <= 14n; zxid++) await answer(client, zxid);
  }, async (client) => {
    const request = await client.greet();
    assert.equal(request.sessionId, 99n);
    assert.deepEqual(request.password, password);
    assert.equal(request.lastZxidSeen, 14n);
    const auth = await client.request();
    assert.equal(auth.xid, XID.auth);
    const { scheme, auth: secret } = readAuthPacket(auth.record);
    assert.equal(`${scheme} ${new TextDecoder().decode(secret)}`, "digest user:secret");
    const watches = await client.request();
    assert.deepEqual([watches.xid, watches.type], [XID.setWatches, OP.setWatches]);
    assert.deepEqual(readSetWatches(watches.record, false), {
      relativeZxid: 14n,
      data: ["/data", "/there"],
      exist: ["/none"],
      child: ["/parent"],
    });
    await client.reply(auth.xid);
    await client.reply(watches.xid);
    await client.event(EVENT.changed, "/data");
    await client.event(EVENT.child, "/data");
    await client.rest();
  });
  await using recorder = new Recorder(server.hosts);
  const { connection } = recorder;
  const watcher = (name: string) => (type: number, state: number, path: string) => {
    seen.push(`${name} ${type} ${state} ${path}`);
    if (name === "data" && type === EVENT.changed) fired.resolve();
  };
  const fired = Promise.withResolvers<void>();
  await recorder.connected();
  const authDone = Promise.withResolvers<number>();
  connection.addAuth("digest", new TextEncoder().encode("user:secret"), authDone.resolve);
  assert.equal(await authDone.promise, 0);
  await Promise.all([
    recorder.ask(OP.getData, "/data", undefined, watcher("data")),
    recorder.ask(OP.exists, "/there", undefined, watcher("there")),
    recorder.ask(OP.exists, "/none", undefined, watcher("none")),
    recorder.ask(OP.getChildren, "/parent", undefined, watcher("parent")),
  ]);
  await fired.promise;
  const told = (state: number) =>
    ["data", "there", "none", "parent"].map((name) => `${name} -1 ${state} `);
  assert.deepEqual(seen, [
    ...told(STATE.connecting),
    ...told(STATE.connected),
    "data 3 3 /data",
  ]);
});

Deno.test("Connection leaves no watch where the request failed", async () => {
  await using server = new FakeServer(async (client) => {
    await client.greet();
    await client.reply((await client.request()).xid, { err: CODE.ZNONODE });
    await client.reply((await client.request()).xid, { err: CODE.ZNOAUTH });
    await client.rest();
  });
  await using recorder = new Recorder(server.hosts);
  const never = () => assert.fail("called");
  await recorder.ask(OP.getData, "/a", undefined, never);
  await recorder.ask(OP.exists, "/a", undefined, never);
  assert.deepEqual(recorder.connection.watches.all(), []);
});

Deno.test("Connection ends when the server says that the session is over", async () => {
  await using server = new FakeServer(async (client) => {
    await client.greet({ sessionId: 0xabcn });
    await client.request();
  }, async (client) => {
    await client.greet({ timeoutMs: 0, sessionId: 0n });
    await client.gone();
  });
  await using recorder = new Recorder(server.hosts);
  await recorder.connected();
  const lost = recorder.ask(OP.exists, "/a");
  const over = lost.then(() => recorder.ask(OP.exists, "/b"));
  assert.equal((await lost).code, CODE.ZCONNECTIONLOSS);
  assert.equal((await over).code, CODE.ZSESSIONEXPIRED);
  assert.deepEqual(recorder.states, [STATE.connected, STATE.connecting, STATE.expired]);
  const error = recorder.troubles.at(-1);
  assert.ok(error instanceof SessionExpiredError);
  assert.match(error.message, /0xabc/);
  assert.equal(recorder.connection.begin(OP.exists), null);
  await recorder.connection.close();
  assert.equal(server.count, 2);
  assert.equal(recorder.connection.state, STATE.expired);
});

Deno.test("Connection ends when a server gives another session than the one it has", async () => {
  await using server = new FakeServer(
    (client) => client.greet({ sessionId: 5n }).then(() => {}),
    async (client) => {
      await client.greet({ sessionId: 6n });
      await client.gone();
    },
  );
  await using recorder = new Recorder(server.hosts);
  await recorder.until(() => recorder.states.includes(STATE.expired));
  assert.equal(recorder.connection.sessionId, 5n);
});

Deno.test("Connection finds a server by a name that has more than one address", async () => {
  await using server = new FakeServer(polite);
  const port = Number(server.hosts.split(":")[1]);
  // Of the addresses of localhost at most one is listened on.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const relay = (async () => {
    const client = await listener.accept();
    const upstream = await Deno.connect({ hostname: "127.10.0.2", port });
    await Promise.allSettled([
      client.readable.pipeTo(upstream.writable),
      upstream.readable.pipeTo(client.writable),
    ]);
  })();
  {
    await using recorder = new Recorder(`localhost:${listener.addr.port}`);
    await recorder.connected();
    assert.deepEqual(recorder.troubles, []);
  }
  await relay;
});

Deno.test("Connection ends when the server refuses the credentials", async () => {
  await using server = new FakeServer(async (client) => {
    await client.greet();
    const { xid } = await client.request();
    await client.reply(xid, { err: CODE.ZAUTHFAILED });
  });
  await using recorder = new Recorder(server.hosts);
  const { connection } = recorder;
  const code = new Promise<number>((resolve) =>
    connection.addAuth("bogus", new Uint8Array(3), resolve)
  );
  const asked = recorder.ask(OP.exists, "/a");
  assert.equal(await code, CODE.ZAUTHFAILED);
  assert.equal((await asked).code, CODE.ZAUTHFAILED);
  assert.equal(connection.state, STATE.authFailed);
  assert.ok(recorder.troubles.at(-1) instanceof AuthFailedError);
  assert.equal(connection.addAuth("digest", new Uint8Array(3), () => {}), CODE.ZINVALIDSTATE);
});

Deno.test("Connection puts the chroot before no path by itself and takes it off events", async () => {
  await using server = new FakeServer(async (client) => {
    await client.greet();
    const { xid, record } = await client.request();
    assert.equal(record.string(), "/root/a");
    await client.reply(xid);
    await client.event(EVENT.changed, "/root/a");
    await client.rest();
  });
  await using recorder = new Recorder(`${server.hosts}/root`);
  const path = await new Promise<string>((resolve) => {
    recorder.ask(OP.getData, "/root/a", undefined, (type, _state, path) => {
      if (type === EVENT.changed) resolve(path);
    });
  });
  assert.equal(path, "/a");
});

Deno.test("Connection.setServers() leaves a server that is no longer in the list", async () => {
  await using first = new FakeServer(polite);
  await using second = new FakeServer(polite);
  await using recorder = new Recorder(first.hosts);
  await recorder.connected();
  recorder.connection.setServers(parseHosts(`${second.hosts},${first.hosts}`));
  assert.equal(recorder.connection.state, STATE.connected);
  recorder.connection.setServers(parseHosts(second.hosts));
  await recorder.connected(2);
  assert.equal(second.count, 1);
  assert.match(recorder.troubles[0]!.message, /Left .* no longer in the list/);
});

Deno.test("Connection tries servers in random order unless it is to keep it", async () => {
  const open = (random: number, keepOrder: boolean, hosts: string) =>
    new Recorder(hosts, { random: () => random, keepOrder });
  await using first = new FakeServer(polite);
  await using second = new FakeServer(polite);
  const hosts = `${first.hosts},${second.hosts}`;
  for (
    const [random, keepOrder, expected] of [
      [0, true, [1, 0]],
      [0, false, [1, 1]],
      [0.9, false, [2, 1]],
    ] as const
  ) {
    await using recorder = open(random, keepOrder, hosts);
    await recorder.connected();
    assert.deepEqual([first.count, second.count], expected);
  }
});

Deno.test("Connection.close() asks the server to end the session and waits for its answer", async () => {
  const types: number[] = [];
  await using server = new FakeServer(async (client) => {
    await client.greet();
    for (;;) {
      const { xid, type } = await client.request();
      types.push(type);
      if (type === OP.closeSession) await new Promise((resolve) => setTimeout(resolve, 50));
      await client.reply(xid, { err: type === OP.exists ? CODE.ZNONODE : 0 });
    }
  });
  const recorder = new Recorder(server.hosts);
  await recorder.connected();
  const pending = Promise.all(["/a", "/b"].map((path) => recorder.ask(OP.exists, path)));
  const closing = recorder.connection.close();
  assert.equal(recorder.connection.begin(OP.exists), null);
  assert.equal(recorder.connection.close(), closing);
  await closing;
  assert.deepEqual(types, [OP.exists, OP.exists, OP.closeSession]);
  assert.deepEqual((await pending).map(({ code }) => code), [CODE.ZNONODE, CODE.ZNONODE]);
  assert.equal(recorder.connection.state, STATE.closed);
});

Deno.test("Connection.close() is bounded, and what has no answer fails with ZCLOSING", async () => {
  await using server = new FakeServer(async (client) => {
    await client.greet({ timeoutMs: 400 });
    await client.gone();
  });
  const recorder = new Recorder(server.hosts);
  await recorder.connected();
  const pending = recorder.ask(OP.exists, "/a");
  await recorder.connection.close();
  const { code } = await pending;
  // Either its own bound or the silence of the server ends the wait.
  assert.ok(code === CODE.ZCLOSING || code === CODE.ZCONNECTIONLOSS, String(code));
});

Deno.test("Connection.close() works in every state", async () => {
  const nobody = new FakeServer();
  await nobody[Symbol.asyncDispose]();
  const states: readonly (readonly [string, Script, (recorder: Recorder) => Promise<void>])[] = [
    ["dialling", polite, async () => {}],
    ["one turn later", polite, () => new Promise((resolve) => setTimeout(resolve, 0))],
    ["associating", silent, async ({ connection }) => {
      while (connection.state !== STATE.associating) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }],
    ["connected", polite, (recorder) => recorder.connected()],
    ["dropped", (client) => client.greet().then(() => {}), async (recorder) => {
      await recorder.connected();
      await recorder.trouble();
    }],
    ["pausing", () => {}, (recorder) => recorder.trouble().then(() => {})],
  ];
  for (const [name, script, reach] of states) {
    await using server = new FakeServer(script);
    const recorder = new Recorder(server.hosts, { sessionTimeoutMs: 600 });
    await reach(recorder);
    await recorder.connection.close();
    await recorder.connection.close();
    assert.equal(recorder.connection.state, STATE.closed, name);
    assert.equal(recorder.connection.begin(OP.exists), null, name);
  }
});

Deno.test("Connection.close() before start leaves nothing, and start then does nothing", async () => {
  const connection = new Connection(
    { servers: parseHosts("127.10.0.2:1"), sessionTimeoutMs: 1000 },
    { onState: () => assert.fail("told"), onTrouble: () => assert.fail("told") },
  );
  assert.equal(connection.begin(OP.exists), null);
  assert.equal(connection.addAuth("digest", new Uint8Array(1), () => {}), CODE.ZINVALIDSTATE);
  await connection.close();
  connection.start();
  assert.equal(connection.state, STATE.closed);
});

Deno.test("Connection.close() ends a session whose connection was lost, where a server is there", async () => {
  const types: number[] = [];
  await using server = new FakeServer(
    (client) => client.greet().then(() => {}),
    async (client) => {
      await client.greet();
      for (;;) {
        const { xid, type } = await client.request();
        types.push(type);
        await client.reply(xid);
      }
    },
  );
  const recorder = new Recorder(server.hosts);
  await recorder.connected();
  await recorder.trouble();
  await recorder.connection.close();
  assert.deepEqual(types, [OP.closeSession]);
});

Deno.test("Connection survives any bytes that a server sends, and answers each request", async () => {
  const header = fc.record({
    xid: fc.constantFrom(-1, -2, -8, 1, 2, 3),
    zxid: int64,
    err: fc.constantFrom(0, 0, 0, -101),
  });
  // Often a frame of the right length with a known header, so that what is inside is read.
  const frame = fc.oneof(
    { weight: 3, arbitrary: fc.record({ header, rest: anyBytes }) },
    { weight: 1, arbitrary: anyBytes },
  );
  const reads = [
    (record: JuteReader) => record.strings(),
    (record: JuteReader) => record.buffer(),
    (record: JuteReader) => readStat(record),
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 6 }), async (frames) => {
      await using server = new FakeServer(async (client) => {
        await client.greet();
        for (const frame of frames) {
          if (frame instanceof Uint8Array) await client.raw(frame);
          else {
            const out = new JuteWriter();
            writeReplyHeader(out, frame.header);
            out.raw(frame.rest);
            await client.send(out.bytes);
          }
        }
      }, polite);
      await using recorder = new Recorder(server.hosts, { random: () => 0 });
      const outcomes = await Promise.all(
        reads.map((read) => recorder.ask(OP.getData, "/a", (_code, record) => read(record!))),
      );
      const expected: number[] = [
        CODE.ZOK,
        CODE.ZNONODE,
        CODE.ZCONNECTIONLOSS,
        CODE.ZMARSHALLINGERROR,
      ];
      for (const { code } of outcomes) assert.ok(expected.includes(code), String(code));
      // What it thinks of the server then, a good one makes good again.
      await recorder.until(() => recorder.connection.state === STATE.connected);
    }),
    { numRuns: 60 },
  );
});
