/** What would be on record if something happened to a member, or a person did something. Pure. */
import { type Said, type Scene, sizeOf } from "./dry_run.ts";
import {
  carriedOut,
  heldOf,
  type Plan,
  planBootstrap,
  planForget,
  type Refusal,
  refused,
} from "./operate.ts";
import { afterInspection, floorOf } from "./record.ts";
import { nameOf } from "./say.ts";
import type { Held, MemberRecord } from "./view.ts";

/** What may become of a member, in a word; or a seqno: it is there, with a copy that goes so far. */
export const FATES = ["absent", "present", "emptied", "forgotten", "forced"] as const;

/** What may become of a member. */
export type Fate = typeof FATES[number] | bigint;

/** What becomes of one member. */
export interface Supposition {
  readonly member: string;
  readonly fate: Fate;
}

/** The datadir id of one that was emptied. */
const ANOTHER_DATADIR = "another";

/**
 * Supposes that something has happened.
 *
 * @returns What would be on record then; or why it cannot be, one sentence.
 */
export function suppose(scene: Scene, { member, fate }: Supposition): Scene | Refusal {
  const seen = scene.sight.records.find((one) => nameOf(one) === member);
  if (fate === "forgotten") return after(scene, planForget(scene.sight, member));
  if (fate === "forced") {
    const options = { attempt: "what-if", force: true };
    return after(scene, planBootstrap(scene.sight, member, options));
  }
  if (seen?.kind !== "record") return refused(`The record of ${member} cannot be read`);
  const { record } = seen;
  switch (fate) {
    case "absent":
      return gone(scene, record);
    case "emptied":
      return back(scene, record, { kind: "empty" });
    case "present": {
      if (seen.present) return scene;
      const held = heldOf(record);
      return held === null
        ? refused(
          `What the datadir of ${member} holds is not known before it is started: say how far its ` +
            `copy goes, as in ${member}=1234`,
        )
        : back(scene, record, held);
    }
    default: {
      const uuid = uuidOf(scene, record);
      return uuid === null
        ? refused(`${member} cannot hold a copy at ${fate}: there is no cluster yet`)
        : back(scene, record, {
          kind: "at",
          position: { uuid, seqno: fate },
          safeToBootstrap: false,
        });
    }
  }
}

/** Killed, keeper and server. */
function gone(scene: Scene, record: MemberRecord): Scene {
  const { name } = record;
  const { records, storage } = scene.sight;
  return withoutServer(scene, name, {
    records: records.flatMap((seen) => {
      if (nameOf(seen) !== name) return [seen];
      // Its record goes with its session.
      return storage === "ephemeral" ? [] : [{ kind: "record", record, present: false }];
    }),
  }, null);
}

/** Its keeper is there, and has looked at its datadir and recorded it. */
function back(scene: Scene, record: MemberRecord, held: Held): Scene {
  const { cluster } = scene.sight;
  const onRecord = cluster.kind === "known" ? cluster.cluster : null;
  const copy = record.data.kind === "at" ? record.data.copy : null;
  const emptied = held.kind === "empty" && record.data.kind !== "nothing";
  const attempt = held.kind === "at" ? copy?.attempt ?? onRecord?.attempt ?? null : null;
  const known = afterInspection(record, {
    held,
    attempt,
    datadirId: emptied ? ANOTHER_DATADIR : record.datadirId,
    lineage: onRecord?.attempts ?? record.lineage,
  });
  const keeper = scene.said.get(record.name);
  const size = keeper === undefined ? sizeOf(scene.said) : keeper.size;
  return withoutServer(scene, record.name, {
    records: scene.sight.records.map((seen) =>
      nameOf(seen) === record.name
        ? { kind: "record", record: { ...record, ...known }, present: true }
        : seen
    ),
  }, { held, attempt, size, doing: "It waits" });
}

/** The scene with a member that runs no server, and what its keeper then says. */
function withoutServer(
  scene: Scene,
  member: string,
  change: Partial<Scene["sight"]>,
  keeper: Said | null,
): Scene {
  const { registered, serving } = scene.sight;
  const said = new Map(scene.said);
  if (keeper === null) said.delete(member);
  else said.set(member, keeper);
  return {
    said,
    sight: {
      ...scene.sight,
      registered: registered.filter(({ name }) => name !== member),
      serving: serving.filter((name) => name !== member),
      ...change,
    },
  };
}

function after(scene: Scene, plan: Plan | Refusal): Scene | Refusal {
  if (plan.kind === "refused") return plan;
  return { said: scene.said, sight: carriedOut(scene.sight, plan) };
}

function uuidOf({ sight: { cluster } }: Scene, { data }: MemberRecord): string | null {
  if (cluster.kind === "known" && cluster.cluster.uuid !== null) return cluster.cluster.uuid;
  const floor = floorOf(data);
  return floor === null || floor === "unknown" ? null : floor.position.uuid;
}
