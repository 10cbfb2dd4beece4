/* The reference page: Swagger UI for the operations, and beside it a table of contents of our own, which it lacks.
 * Addresses are relative, so that the page works behind a prefix too. */
"use strict";

/* Swagger UI rewrites the address when it starts; what somebody came for is read before. */
const wanted = location.hash;

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
}

/* [{name, title, operations: [{id, method, path, summary}]}] in the contract's order of tags. */
function operationsByTag(contract) {
    const groups = new Map((contract.tags ?? []).map((tag) => [tag.name, { title: tag.description, operations: [] }]));
    for (const [path, item] of Object.entries(contract.paths)) {
        for (const method of METHODS.filter((name) => name in item)) {
            const { operationId, tags = ["default"], summary = path } = item[method];
            if (!groups.has(tags[0])) groups.set(tags[0], { title: tags[0], operations: [] });
            groups.get(tags[0]).operations.push({ id: operationId, method, path, summary });
        }
    }
    return [...groups].map(([name, group]) => ({ name, ...group })).filter((group) => group.operations.length);
}

function headings(contract) {
    return [...(contract.info.description ?? "").matchAll(/^# (.+)$/gm)].map((match) => match[1].trim());
}

function fillContents(contract, goTo) {
    const entries = document.getElementById("entries");
    /* Never a bare "#": Swagger UI brings a listener that scrolls to the top for it. */
    const link = (address, words, text, action) => {
        const made = element("a", { href: `#/${address}`, "data-words": words.toLowerCase() }, ...text);
        made.addEventListener("click", (event) => {
            event.preventDefault();
            action();
        });
        return made;
    };
    const chapters = headings(contract).map((title) => link(encodeURIComponent(title), title, [title], () => goTo.heading(title)));
    entries.replaceChildren(element("section", {}, element("h2", {}, contract.info.title), ...chapters));
    for (const group of operationsByTag(contract)) {
        const links = group.operations.map(({ id, method, path, summary }) =>
            link(`${group.name}/${id}`, `${id} ${method} ${path} ${summary}`, [element("b", { class: method }, method.toUpperCase()), summary],
                () => goTo.operation(group.name, id)));
        entries.append(element("section", {}, element("h2", {}, (group.title ?? group.name).split(":")[0]), ...links));
    }
}

function search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const section of document.querySelectorAll("#entries section")) {
        const links = [...section.querySelectorAll("a")];
        for (const link of links) link.hidden = !words.every((word) => link.dataset.words.includes(word));
        section.hidden = links.every((link) => link.hidden);
    }
}

/* A problem's `type` is /docs#errors-<code>: the code's row in the table of the contract's description. */
function showError(hash) {
    const code = /^#errors-([a-z_]+)$/.exec(hash)?.[1];
    if (!code) return;
    for (const row of document.querySelectorAll(".info tr")) {
        row.classList.toggle("chosen", [...row.querySelectorAll("code")].some((cell) => cell.textContent === code));
    }
    document.querySelector("tr.chosen")?.scrollIntoView({ block: "center" });
}

/* The description is drawn some time after Swagger UI says that it is ready. */
function whenDrawn(action) {
    const watch = new MutationObserver(() => {
        if (!document.querySelector(".info tr")) return;
        watch.disconnect();
        action();
    });
    watch.observe(document.getElementById("reference"), { childList: true, subtree: true });
}

function start(contract) {
    whenDrawn(() => showError(wanted));
    const ui = window.SwaggerUIBundle({
        spec: contract,
        dom_id: "#reference",
        deepLinking: !wanted.startsWith("#errors-"),
        displayOperationId: true,
        displayRequestDuration: true,
        docExpansion: "list",
        defaultModelExpandDepth: 3,
        defaultModelsExpandDepth: 0,
        persistAuthorization: true,
        showCommonExtensions: true,
        validatorUrl: null,
    });
    fillContents(contract, {
        heading(title) {
            const found = [...document.querySelectorAll(".info h1")].find((h) => h.textContent.trim() === title);
            found?.scrollIntoView();
        },
        operation(tag, id) {
            ui.layoutActions.show(["operations-tag", tag], true);
            ui.layoutActions.show(["operations", tag, id], true);
            history.replaceState(null, "", `#/${encodeURIComponent(tag)}/${encodeURIComponent(id)}`);
            requestAnimationFrame(() => {
                const name = `operations-${tag}-${id}`;
                /* Swagger UI puts a backslash before what CSS would need one for, into the id itself. */
                [...document.querySelectorAll(".opblock")].find((o) => o.id.replaceAll("\\", "") === name)?.scrollIntoView();
            });
        },
    });
    document.getElementById("search").addEventListener("input", (event) => search(event.target.value));
    window.addEventListener("hashchange", () => showError(location.hash));
}

async function main() {
    const answer = await fetch("openapi.json");
    if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
    start(await answer.json());
}

window.addEventListener("load", () => {
    main().catch((error) => {
        document.querySelector(".wait").textContent = `接口说明未能载入。The reference could not be loaded. (${error.message})`;
    });
});
