// Conveniences; every page works without them.
"use strict";

document.documentElement.classList.add("scripted"); // what needs a script is hidden without one

const announce = (text) => {
  const region = document.querySelector(".announce");
  if (region) region.textContent = text;
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy || button.parentElement.querySelector("pre").textContent);
    button.classList.add("copied");
    announce("Copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  } catch {
    announce("The browser does not allow copying");
  }
});

// The theme changes at once; without this script, its form reloads the page.
document.addEventListener("submit", (event) => {
  const chosen = event.submitter;
  if (chosen?.name !== "theme") return;
  event.preventDefault();
  fetch(event.target.action, { method: "POST", body: new URLSearchParams(new FormData(event.target, chosen)), redirect: "manual" });
  const root = document.documentElement;
  if (chosen.value) root.dataset.theme = chosen.value;
  else delete root.dataset.theme;
  for (const each of chosen.parentElement.children) each.ariaPressed = String(each === chosen);
});

// A link with the role of a button reacts to the space bar, too.
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !event.target.matches("a[role=button]")) return;
  event.preventDefault();
  event.target.click();
});

// Each time in UTC tells the reader's own time, too: in its tooltip, and in a list of facts below it.
const showLocal = (root) => {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const local = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) + " local";
    time.dataset.local = "";
    time.title += ` · ${local}`;
    if (time.parentElement.tagName !== "DD") continue;
    const shown = document.createElement("span");
    shown.className = "local";
    shown.textContent = local;
    time.append(" ", shown);
  }
};

// A box in the head of a table checks those below it.
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  for (const box of event.target.form.querySelectorAll("tbody [type=checkbox]")) box.checked = event.target.checked;
});

document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("[data-all]")) box.hidden = false;
  showLocal(document);
  document.querySelector("[data-focus]")?.focus();
});
document.addEventListener("htmx:load", (event) => showLocal(event.target));
