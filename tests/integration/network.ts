/**
 * A network of the test's own: each member in a network namespace with two links, `data` to the other
 * members and `control` to this machine, where ZooKeeper and the test are. Each link can be cut as a
 * switch that dies does it: what is sent is gone, and nobody is told.
 */
import { STDERR } from "../../lib/machine/terminal.ts";
import type { MemberPlace } from "./harness.ts";

/** The link to the other members, or to ZooKeeper and the test. */
export type Link = "data" | "control";

const LINKS: readonly Link[] = ["data", "control"];

/** Of the networks for benchmarks (RFC 2544), which nobody else has on a machine. */
const SUBNET: Readonly<Record<Link, string>> = { data: "198.18", control: "198.19" };

/** Members' network namespaces, numbered from 1. */
export class TestNetwork implements AsyncDisposable {
  /** This machine's own address on the control network. */
  readonly address: string;
  /** Where to start the members. */
  readonly places: readonly MemberPlace[];
  /** What the names of all that is made begin with: an interface's has 15 characters at most. */
  readonly #name: string;
  readonly #subnet: number;

  private constructor(name: string, subnet: number, count: number) {
    this.#name = name;
    this.#subnet = subnet;
    this.address = `${SUBNET.control}.${subnet}.254`;
    this.places = Array.from({ length: count }, (_, index) => ({
      address: this.#addressOf("data", index + 1),
      askedAt: this.#addressOf("control", index + 1),
      command: ["ip", "netns", "exec", `${name}-${index + 1}`],
    }));
  }

  /** Makes the namespaces of so many members, all linked. */
  static async make(count: number): Promise<TestNetwork> {
    const name = `gk${crypto.randomUUID().slice(0, 6)}`;
    const network = new TestNetwork(name, await freeSubnet(), count);
    try {
      await network.#make();
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Cuts members off, each of them from all others on that link, whoever they are. */
  async cut(link: Link, ...numbers: readonly number[]): Promise<void> {
    for (const number of numbers) await ip("link", "set", this.#port(link, number), "nomaster");
  }

  /** Puts members back on a link. */
  async heal(link: Link, ...numbers: readonly number[]): Promise<void> {
    for (const number of numbers) {
      await ip("link", "set", this.#port(link, number), "master", this.#bridge(link));
    }
  }

  async #make(): Promise<void> {
    for (const link of LINKS) {
      await ip("link", "add", this.#bridge(link), "type", "bridge");
      await ip("link", "set", this.#bridge(link), "up");
    }
    await ip("address", "add", `${this.address}/24`, "dev", this.#bridge("control"));
    for (const index of this.places.keys()) await this.#makeMember(index + 1);
  }

  async #makeMember(number: number): Promise<void> {
    const namespace = this.#namespace(number);
    await ip("netns", "add", namespace);
    await ip("-n", namespace, "link", "set", "lo", "up");
    for (const link of LINKS) {
      const port = this.#port(link, number);
      await ip("link", "add", port, "type", "veth", "peer", "name", link, "netns", namespace);
      const address = `${this.#addressOf(link, number)}/24`;
      await ip("-n", namespace, "address", "add", address, "dev", link);
      await ip("-n", namespace, "link", "set", link, "up");
      await ip("link", "set", port, "up");
    }
    for (const link of LINKS) await this.heal(link, number);
  }

  #addressOf(link: Link, number: number): string {
    return `${SUBNET[link]}.${this.#subnet}.${number}`;
  }

  #namespace(number: number): string {
    return `${this.#name}-${number}`;
  }

  #bridge(link: Link): string {
    return `${this.#name}${link[0]}`;
  }

  /** The end of a member's link that is on this machine. */
  #port(link: Link, number: number): string {
    return `${this.#bridge(link)}${number}`;
  }

  /** Takes all of it away; the links go with the namespaces. */
  async [Symbol.asyncDispose](): Promise<void> {
    const namespaces = [...this.places.keys()].map((index) => this.#namespace(index + 1));
    await Promise.allSettled([
      ...namespaces.map((namespace) => ip("netns", "delete", namespace)),
      ...LINKS.map((link) => ip("link", "delete", this.#bridge(link))),
    ]);
  }
}

/** A third byte that no other network of a test's has. */
async function freeSubnet(): Promise<number> {
  const addresses = await ip("-oneline", "address", "show");
  for (;;) {
    const subnet = Math.floor(Math.random() * 256);
    if (!addresses.includes(`${SUBNET.control}.${subnet}.`)) return subnet;
  }
}

async function ip(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("ip", { args: [...args] }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`ip ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/**
 * Whether networks can be made here, tried. A container mostly may not: its tests are then left out,
 * and one line says so.
 */
export function canMakeNetworks(): boolean {
  const probe = `gk-probe-${crypto.randomUUID().slice(0, 6)}`;
  const bridge = probe.replace("-probe-", "p");
  const tries: readonly (readonly string[])[] = [
    ["netns", "add", probe],
    ["netns", "exec", probe, "true"],
    ["link", "add", bridge, "type", "bridge"],
  ];
  let problem: string | null = null;
  for (const args of tries) {
    if (problem === null) problem = problemWith(args);
  }
  problemWith(["link", "delete", bridge]);
  problemWith(["netns", "delete", probe]);
  if (problem === null) return true;
  STDERR.write(`Tests of partitions are left out, as no networks can be made here: ${problem}\n`);
  return false;
}

function problemWith(args: readonly string[]): string | null {
  try {
    const { success, stderr } = new Deno.Command("ip", { args: [...args] }).outputSync();
    return success ? null : new TextDecoder().decode(stderr).trim().replaceAll("\n", " ");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
