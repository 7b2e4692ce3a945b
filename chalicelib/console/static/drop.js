// Files dropped on a text field, or chosen beside it, become its text; private keys are not even sent.
"use strict";

(() => {
  const REFUSAL = "This is a private key. It was not sent anywhere: never paste one into a page.";
  const LABELS = { csr_file: "CERTIFICATE REQUEST", certificate_file: "CERTIFICATE", chain_file: "CERTIFICATE" };
  const most = 512 * 1024;
  const pem = (octets, label) => {
    const base64 = btoa(Array.from(octets, (octet) => String.fromCharCode(octet)).join(""));
    return `-----BEGIN ${label}-----\n${base64.match(/.{1,64}/g).join("\n")}\n-----END ${label}-----\n`;
  };
  const say = (area, text) => {
    const region = document.querySelector(".announce");
    if (region) region.textContent = text;
    area.setCustomValidity(text);
    area.reportValidity();
    area.setCustomValidity("");
  };
  // The text of a file; undefined if the file is sent as it is: PKCS #7, other binary files, and those that are long.
  const read = async (file, label) => {
    if (file.size > most) return undefined;
    const octets = new Uint8Array(await file.arrayBuffer());
    const text = new TextDecoder().decode(octets);
    if (text.includes("-----BEGIN")) return text;
    const isPkcs7 = octets[0] === 0x30 && /\.p7[bc]$/i.test(file.name);
    return octets[0] === 0x30 && label && !isPkcs7 ? pem(octets, label) : undefined;
  };
  const take = async (area, input, file) => {
    const text = await read(file, LABELS[input.id]);
    if (text?.includes("PRIVATE KEY")) {
      input.value = "";
      say(area, REFUSAL);
    } else if (text === undefined) {
      const held = new DataTransfer();
      held.items.add(file);
      input.files = held.files;
    } else {
      input.value = "";
      area.value = text;
      for (const kind of ["input", "change"]) area.dispatchEvent(new Event(kind, { bubbles: true }));
    }
  };
  for (const area of document.querySelectorAll("textarea[data-drop]")) {
    const input = document.getElementById(area.dataset.drop);
    if (!input) continue;
    area.addEventListener("dragover", (event) => {
      event.preventDefault();
      area.classList.add("dropping");
    });
    area.addEventListener("dragleave", () => area.classList.remove("dropping"));
    area.addEventListener("drop", (event) => {
      area.classList.remove("dropping");
      const [file] = event.dataTransfer.files;
      if (!file) return;
      event.preventDefault();
      take(area, input, file);
    });
    input.addEventListener("change", () => {
      if (input.files.length) take(area, input, input.files[0]);
    });
    area.form.addEventListener("submit", (event) => {
      if (!area.value.includes("PRIVATE KEY")) return;
      event.preventDefault();
      area.value = "";
      say(area, REFUSAL);
    });
  }
})();
