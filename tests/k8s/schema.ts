/**
 * Kubernetes' own schemas, over manifests. They let fields pass that they do not know, as a server would
 * drop them; but a field that no schema has looked at is none, and that can be seen.
 */
import { validate as statefulSet } from "kubernetes-models/_schemas/IoK8sApiAppsV1StatefulSet";
import { validate as configMap } from "kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap";
import { validate as service } from "kubernetes-models/_schemas/IoK8sApiCoreV1Service";
import { validate as networkPolicy } from "kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy";
import { validate as disruptionBudget } from "kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget";

interface SchemaError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: object;
}

/** A schema, compiled; what it finds is in `errors` until the next look. */
interface Schema {
  (data: unknown): boolean;
  readonly errors?: readonly SchemaError[] | null;
}

/** By `apiVersion/kind`. */
const SCHEMAS: ReadonlyMap<string, Schema> = new Map<string, Schema>([
  ["v1/ConfigMap", configMap],
  ["v1/Service", service],
  ["apps/v1/StatefulSet", statefulSet],
  ["policy/v1/PodDisruptionBudget", disruptionBudget],
  ["networking.k8s.io/v1/NetworkPolicy", networkPolicy],
]);

/** What every manifest says of itself. */
export interface Typed {
  readonly apiVersion: string;
  readonly kind: string;
}

/** What is wrong with a manifest, a line each, the field first. */
export function problemsOf(manifest: Typed): readonly string[] {
  const name = `${manifest.apiVersion}/${manifest.kind}`;
  const schema = SCHEMAS.get(name);
  if (schema === undefined) return [`no schema is known for ${name}`];
  const looks: Looks = new Map();
  const isValid = schema(watched(manifest, looks));
  const wrong = (isValid ? [] : schema.errors ?? []).map(({ instancePath, keyword, params }) =>
    `${instancePath}: ${keyword} ${JSON.stringify(params)}`
  );
  return [...wrong, ...unseenIn(manifest, looks).map((path) => `${path}: no such field`)];
}

/** Which fields of an object were looked at. */
type Looks = Map<object, Set<string>>;

/** The same value; which of its fields are looked at, at any depth, is noted. */
function watched<T>(value: T, looks: Looks): T {
  if (typeof value !== "object" || value === null) return value;
  const seen = looks.get(value) ?? new Set();
  looks.set(value, seen);
  return new Proxy(value, {
    get(target, name, receiver) {
      if (typeof name === "string") seen.add(name);
      return watched(Reflect.get(target, name, receiver), looks);
    },
  });
}

/** The paths of the fields that nobody looked at. */
function unseenIn(value: unknown, looks: Looks, path = ""): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    looks.get(value)?.has(name) ? unseenIn(inner, looks, `${path}/${name}`) : [`${path}/${name}`]
  );
}
