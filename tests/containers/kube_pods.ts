/**
 * What a StatefulSet's controller makes of it, a pod for each ordinal, changed as little as podman 4.3.1
 * (Debian 12) needs to play it. {@link CHANGES} is all that is changed or left out, each with why; a test
 * holds that the rest goes in as it is written.
 *
 * What podman does with that rest, tried: restartPolicy, runAsUser, runAsGroup, readOnlyRootFilesystem,
 * capabilities, allowPrivilegeEscalation, seccompProfile, memory limits and resourceFieldRef do what they
 * should, without systemd, too. A new volume is given to the user and group of the container that first has it, as
 * fsGroup says; files of Secrets and ConfigMaps are root's and 0644 whatever defaultMode says. Probes
 * become health checks that only systemd's timers run: who plays a pod asks them itself.
 * terminationGracePeriodSeconds counts for nothing, `kube down` kills at once: a pod's container is
 * stopped with it as the time. Taken without a word and without effect: affinity and topologySpreadConstraints (there
 * is one machine), automountServiceAccountToken and enableServiceLinks (there is no API server, and no Service).
 */

/** What YAML is read to. */
export type Value = string | number | boolean | null | readonly Value[] | Tree;

/** An object of YAML's. */
export interface Tree {
  readonly [field: string]: Value;
}

/** One object of a manifest. */
export interface Manifest extends Tree {
  readonly kind: string;
  readonly metadata: Tree & { readonly name: string };
}

/** What the test gives. */
export interface Play {
  /** Before all names that are the machine's. */
  readonly prefix: string;
  /** Images by their names in the manifests. */
  readonly images: Readonly<Record<string, string>>;
  /** Of all that is made. */
  readonly labels: Readonly<Record<string, string>>;
}

/** One pod of a StatefulSet. */
export interface Pod {
  /** As in its hostname and in the names of its claims: `galera-0`. */
  readonly name: string;
  readonly manifest: Manifest;
  readonly claims: readonly Manifest[];
  /** What the headless service makes known: itself for all pods, and `galera-0.galera`. */
  readonly names: readonly string[];
}

/** One field of a pod that is not as the template has it. */
export interface Change {
  /** Where; `*` is each of a list. A field is made, but not what is around it. */
  readonly at: string;
  readonly why: string;
  /** @returns What is there in place of `was`; undefined: the field is left out. */
  readonly to: (was: Value | undefined, of: Setting) => Value | undefined;
}

/** What a change may ask. */
export interface Setting {
  readonly play: Play;
  readonly name: string;
  readonly ordinal: number;
  readonly service: string;
  readonly claims: readonly Manifest[];
  /** The volumes that are empty at first, as the template calls them. */
  readonly emptyDirs: readonly Value[];
}

const own = ({ play, name }: Setting) => `${play.prefix}-${name}`;
const prefixed = (was: Value | undefined, { play }: Setting) => `${play.prefix}-${was}`;

/** All that is changed, in this order. */
export const CHANGES: readonly Change[] = [
  {
    at: "metadata.name",
    why: "the controller gives it; podman's names are the whole machine's, so with a prefix",
    to: (_, it) => own(it),
  },
  {
    at: "metadata.labels",
    why: "the controller's; and ours, by which all is taken away",
    to: (was = {}, { name, ordinal, play }) => ({
      ...tree(was),
      "statefulset.kubernetes.io/pod-name": name,
      "apps.kubernetes.io/pod-index": `${ordinal}`,
      ...play.labels,
    }),
  },
  { at: "spec.hostname", why: "the controller's", to: (_, { name }) => name },
  {
    at: "spec.subdomain",
    why: "the controller's; podman takes names from `--network NAME:alias=…` alone, with dots, too",
    to: (_, { service }) => service,
  },
  {
    at: "spec.containers.*.image",
    why: "no registry is needed: the one that tests have built",
    to: (was, { play }) => play.images[String(was)],
  },
  {
    at: "spec.containers.*.ports",
    why: "podman publishes them on the machine, where the second pod finds them taken",
    to: () => undefined,
  },
  {
    at: "spec.volumes",
    why: "the controller's, from volumeClaimTemplates",
    to: (was = [], { claims, play, name }) => [
      ...list(was),
      ...claims.map(({ metadata }) => ({
        name: metadata.name.slice(play.prefix.length + 1, -(name.length + 1)),
        persistentVolumeClaim: { claimName: metadata.name },
      })),
    ],
  },
  {
    at: "spec.volumes.*.secret.secretName",
    why: "podman's secrets are the whole machine's, so with a prefix",
    to: prefixed,
  },
  {
    at: "spec.volumes.*.secret.optional",
    why: "podman crashes where it is not said (a null pointer)",
    to: (was = false) => was,
  },
  {
    at: "spec.volumes.*.configMap.name",
    why: "it becomes a volume, the whole machine's, so with a prefix",
    to: prefixed,
  },
  {
    at: "spec.volumes.*.name",
    why: "an emptyDir becomes a volume of that name, the same for all pods: the pod's before it",
    to: (was = "", it) => it.emptyDirs.includes(was) ? `${own(it)}-${was}` : was,
  },
  {
    at: "spec.containers.*.volumeMounts.*.name",
    why: "as that of its emptyDir",
    to: (was = "", it) => it.emptyDirs.includes(was) ? `${own(it)}-${was}` : was,
  },
];

/** The pod of this ordinal. */
export function podOf(set: Manifest, ordinal: number, play: Play): Pod {
  const spec = tree(set["spec"]);
  const name = `${set.metadata.name}-${ordinal}`;
  const service = String(spec["serviceName"]);
  const claims = list(spec["volumeClaimTemplates"]).map((template) =>
    claimOf(tree(template), name, play)
  );
  const template = tree(spec["template"]);
  const emptyDirs = list(tree(template["spec"])["volumes"]).map(tree)
    .filter(({ emptyDir }) => emptyDir !== undefined).map((volume) => volume["name"]!);
  const setting = { play, name, ordinal, service, claims, emptyDirs };
  const pod = CHANGES.reduce<Value>(
    (it, { at, to }) => withField(it, at, (was) => to(was, setting)),
    template,
  );
  const manifest = { apiVersion: "v1", kind: "Pod", ...tree(pod) } as Tree as Manifest;
  return { name, manifest, claims, names: [service, name, `${name}.${service}`] };
}

/** A ConfigMap under the name by which {@link podOf}'s pods have it. */
export function configMapOf(manifest: Manifest, { prefix, labels }: Play): Manifest {
  const metadata = {
    ...manifest.metadata,
    name: `${prefix}-${manifest.metadata.name}`,
    labels: { ...tree(manifest.metadata["labels"]), ...labels },
  };
  return { ...manifest, metadata };
}

/**
 * A Secret of plain text as podman reads it from its own secrets, under the name by which
 * {@link podOf}'s pods have it. `kube play` takes one only with its data in base64, does not decode them
 * for the files, and leaves stringData out without a word.
 */
export function secretOf(manifest: Manifest, { prefix }: Play): { name: string; text: string } {
  const { stringData, ...rest } = manifest;
  if (stringData === undefined || rest["data"] !== undefined) {
    throw new TypeError(`The Secret "${manifest.metadata.name}" is not in plain text alone`);
  }
  const name = `${prefix}-${manifest.metadata.name}`;
  return { name, text: JSON.stringify({ ...rest, data: stringData }) };
}

function claimOf(template: Tree, pod: string, { prefix, labels }: Play): Manifest {
  const metadata = tree(template["metadata"]);
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    ...template,
    metadata: {
      ...metadata,
      name: `${prefix}-${metadata["name"]}-${pod}`,
      labels: { ...tree(metadata["labels"]), ...labels },
    },
  };
}

/** Another tree with something else there; the same where nothing is around it. */
export function withField(
  value: Value,
  at: string,
  to: (was: Value | undefined) => Value | undefined,
): Value {
  return replaced(value, at.split("."), to)!;
}

function replaced(
  value: Value | undefined,
  [field, ...rest]: readonly string[],
  to: (was: Value | undefined) => Value | undefined,
): Value | undefined {
  if (field === undefined) return to(value);
  if (value === undefined) return undefined;
  if (field === "*") return list(value).map((each) => replaced(each, rest, to)!);
  const { [field]: was, ...others } = tree(value);
  const is = replaced(was, rest, to);
  return is === undefined ? others : { ...others, [field]: is };
}

/** An object; empty where nothing is. @throws {TypeError} It is none. */
export function tree(value: Value | undefined): Tree {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new TypeError(`Expected an object: ${JSON.stringify(value)}`);
  }
  return value as Tree;
}

/** A list; empty where nothing is. @throws {TypeError} It is none. */
export function list(value: Value | undefined): readonly Value[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new TypeError(`Expected a list: ${JSON.stringify(value)}`);
  return value;
}
