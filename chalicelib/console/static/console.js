// Conveniences; every page works without them.
"use strict";

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

// A link with the role of a button reacts to the space bar, too.
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !event.target.matches("a[role=button]")) return;
  event.preventDefault();
  event.target.click();
});

// Beside each time in UTC, the same time in the reader's zone.
const showLocal = (root) => {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.dataset.local = "";
    const local = document.createElement("span");
    local.className = "local";
    local.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) + " local";
    time.append(" ", local);
  }
};

document.addEventListener("DOMContentLoaded", () => {
  showLocal(document);
  document.querySelector("[data-focus]")?.focus();
});
document.addEventListener("htmx:load", (event) => showLocal(event.target));
