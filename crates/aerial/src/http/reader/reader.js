// Shows openapi.json. Text from the document is only ever set as text.

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const row = (kind, ...cells) => element("tr", {}, ...cells.map((cell) => element(kind, {}, cell)));

const nameOf = (ref) => ref.split("/").pop();

/** `string | null`, `Channel[]`: a schema in a few characters. */
function typeOf(schema) {
  if (schema === undefined) return "";
  if (schema.$ref) return nameOf(schema.$ref);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const some = schema.oneOf ?? schema.anyOf;
  if (some) return [...new Set(some.map(typeOf))].join(" | ");
  if (schema.allOf) return schema.allOf.map(typeOf).join(" & ");
  const types = [schema.type ?? "any"].flat();
  const told = types.map((type) => (type === "array" ? `${typeOf(schema.items)}[]` : type));
  return told.join(" | ") + (schema.format ? ` (${schema.format})` : "");
}

/** The properties of a schema, with those of what it is made of. */
function propertiesOf(schema, all) {
  if (schema === undefined) return [];
  if (schema.$ref) return propertiesOf(all[nameOf(schema.$ref)], all);
  const parts = (schema.allOf ?? []).flatMap((part) => propertiesOf(part, all));
  const required = new Set(schema.required ?? []);
  const own = Object.entries(schema.properties ?? {});
  return [...parts, ...own.map(([name, property]) => ({ name, property, required: required.has(name) }))];
}

function fields(schema, all) {
  const properties = propertiesOf(schema, all);
  if (properties.length === 0) return "";
  const rows = properties.map(({ name, property, required }) =>
    row("td", element("code", {}, required ? name : `${name}?`), element("code", {}, typeOf(property)), property.description ?? ""));
  return element("table", {}, row("th", "Field", "Type", ""), ...rows);
}

function content(title, content, all) {
  const parts = Object.entries(content ?? {}).map(([media, { schema }]) =>
    element("div", {},
      element("p", {}, `${title}: `, element("code", {}, schema ? typeOf(schema) : ""), ` `, element("span", { class: "quiet" }, media)),
      fields(schema, all)));
  return element("div", {}, ...parts);
}

function operation(path, method, told, all) {
  const body = element("div", { class: "body" });
  if (told.description) body.append(element("p", {}, told.description));
  if (told.parameters?.length) {
    const rows = told.parameters.map((parameter) =>
      row("td",
        element("code", {}, parameter.required ? parameter.name : `${parameter.name}?`),
        `${parameter.in}, ${typeOf(parameter.schema)}`,
        parameter.description ?? ""));
    body.append(element("table", {}, row("th", "Parameter", "Where, type", ""), ...rows));
  }
  if (told.requestBody) body.append(content("Body", told.requestBody.content, all));
  for (const [status, response] of Object.entries(told.responses ?? {})) {
    body.append(element("p", {}, element("strong", {}, status), ` ${response.description ?? ""}`));
    if (status.startsWith("2")) body.append(content("Answer", response.content, all));
  }
  const summary = element("summary", {},
    element("span", { class: "method" }, method.toUpperCase()),
    element("span", { class: "path" }, path),
    element("span", { class: "quiet" }, told.summary ?? ""));
  return element("details", { id: told.operationId }, summary, body);
}

function schemas(all) {
  const shown = Object.entries(all).map(([name, schema]) =>
    element("details", { id: `schema-${name}` },
      element("summary", {}, element("code", {}, name), element("span", { class: "quiet" }, schema.description ?? "")),
      element("div", { class: "body" }, element("code", {}, schema.properties || schema.allOf ? "" : typeOf(schema)), fields(schema, all))));
  return element("section", { id: "schemas" }, element("h2", {}, "Schemas"), ...shown);
}

async function show() {
  const response = await fetch("/api/v1/openapi.json");
  const api = await response.json();
  const all = api.components?.schemas ?? {};
  document.querySelector("#about").textContent = api.info.description;
  const contents = document.querySelector("#contents");
  const main = document.querySelector("#operations");
  for (const tag of api.tags ?? []) {
    const section = element("section", { id: tag.name }, element("h2", {}, tag.description ?? tag.name));
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const method of METHODS) {
        const told = methods[method];
        if (told?.tags?.includes(tag.name)) section.append(operation(path, method, told, all));
      }
    }
    contents.append(element("a", { href: `#${tag.name}` }, tag.name));
    main.append(section);
  }
  contents.append(element("a", { href: "#schemas" }, "schemas"));
  main.append(schemas(all));
}

show().catch((fault) => {
  document.querySelector("#operations").textContent = `The document cannot be shown: ${fault}`;
});
