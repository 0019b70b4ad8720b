// SPDX-License-Identifier: Apache-2.0
// Records of no trace (CPU, memory, JVM, users' own): which types there are, their numbers over time, the latest values.

import { applied, type Answer, type RecordType, type SeriesAnswer } from "../api.ts";
import { FieldChart } from "../fieldchart.tsx";
import { count, figure, plural } from "../format.ts";
import { useQuery, useTick, useTitle } from "../hooks.ts";
import { Link, Loading, Problem, Time, Widths } from "../ui.tsx";
import type { Place } from "../url.ts";

const REFRESH_MS = 3000;
const LATEST = 20;

type Value = string | number | boolean | null | Value[];
type Row = Record<string, Value>;

function short(type: string): string {
  return type.slice(type.lastIndexOf(".") + 1);
}

function shown(value: Value | undefined): string {
  if (value === null || value === undefined) return "–";
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  return typeof value === "number" ? figure(value) : String(value);
}

function Types({ rows, chosen }: { rows: readonly RecordType[]; chosen: string }) {
  return (
    <section class="card">
      <h2>Types</h2>
      <table class="plain">
        <Widths numbers={1} />
        <thead>
          <tr>
            <th scope="col">type</th>
            <th scope="col" class="right">
              records
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((r, i) => (
            <tr key={`${r.type}-${i}`}>
              <td class="wide">
                <Link to="records" query={{ type: r.type }} current={r.type === chosen} title={r.type}>
                  {short(r.type)}
                </Link>
              </td>
              <td class="right">{count(r.records)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Series({ type, at, tick }: { type: RecordType; at: Place; tick: number }) {
  const fields = type.fields.filter((f) => f.number).map((f) => f.name);
  const asked = fields.length ? { ...applied("records", at.filter), type: type.type, series: "all" } : null;
  const { data, error } = useQuery<SeriesAnswer>("records", asked, tick);
  if (!fields.length) return <p class="muted">No field of this type holds numbers.</p>;
  if (error) return <Problem error={error} />;
  if (!data) return <Loading what="the numbers" />;
  const drawn = fields.map((f) => ({ f, rows: data.rows.filter((r) => r.field === f) })).filter(({ rows }) => rows.length > 0);
  return (
    <div class="cards two">
      {drawn.map(({ f, rows }) => (
        <FieldChart key={`${type.type} ${f}`} field={f} rows={rows} bucketNs={data.bucket_ns} />
      ))}
    </div>
  );
}

function Latest({ type, at, tick }: { type: string; at: Place; tick: number }) {
  const { data, error } = useQuery<Answer<Row>>("records", { ...applied("records", at.filter), type, limit: String(LATEST) }, tick);
  if (error) return <Problem error={error} />;
  if (!data || !data.rows[0]) return <Loading what="the latest values" />;
  const keys = Object.keys(data.rows[0]).filter((k) => k !== "at");
  return (
    <section class="card">
      <h2 id="latest">
        Latest values <span class="more muted">{plural(data.total, "record")} in all</span>
      </h2>
      <div class="values" role="region" aria-labelledby="latest" tabIndex={0}>
        <table>
          <thead>
            <tr>
              {["time", ...keys].map((k) => (
                <th scope="col" key={k}>
                  {k}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data.rows.map((r, i) => (
              <tr key={i}>
                <td>
                  <Time at={r["at"] as string} />
                </td>
                {keys.map((k) => (
                  <td key={k} class={typeof r[k] === "number" ? "right" : ""}>
                    {shown(r[k])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function Records({ at }: { at: Place }) {
  useTitle("Records");
  const tick = useTick(REFRESH_MS);
  const { data, error } = useQuery<Answer<RecordType>>("records", { ...applied("records", at.filter), limit: "1000" }, tick);
  if (error && !data) return <Problem error={error} />;
  if (!data) return <Loading what="records" />;
  const rows = [...data.rows].sort((a, b) => short(a.type).localeCompare(short(b.type)));
  const wanted = at.query["type"];
  const type = rows.find((r) => r.type === wanted) ?? (wanted ? undefined : rows[0]);
  if (!rows.length)
    return (
      <div class="page">
        <h1>No records beside those of traces</h1>
        <p class="notice">
          CPU, memory and JVM records of Kieker’s samplers appear here, and records of your own types (kieker-collector --records FILE.irl).
          {Object.keys(at.filter).length > 0 && " The filter may leave them out."}
        </p>
      </div>
    );
  return (
    <div class="page records">
      <div class="pagehead">
        <h1>Records</h1>
        <p class="range">{plural(rows.length, "type")}</p>
      </div>
      <Types rows={rows} chosen={type?.type ?? ""} />
      {type ? (
        <>
          <h2 class="type">{type.type}</h2>
          <Series type={type} at={at} tick={tick} />
          <Latest type={type.type} at={at} tick={tick} />
        </>
      ) : (
        <p class="notice">There are no records of {wanted}.</p>
      )}
    </div>
  );
}
