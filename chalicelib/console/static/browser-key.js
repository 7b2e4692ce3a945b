// A key that is made in the browser, with the CSR that it signs. The key leaves the page only as a file.
// Source: W3C Web Cryptography API; RFC 2986 for CSRs; RFC 5280 section 4.2.1.6 for subject alternative names; X.690 for DER.
"use strict";

(() => {
  const panel = document.querySelector("#browser-key");
  if (!panel || !window.crypto?.subtle || !window.isSecureContext) return;
  const field = (id) => document.querySelector(`#${id}`);

  // DER

  const joined = (parts) => {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  };
  const lengthOf = (size) => {
    if (size < 0x80) return [size];
    const octets = [];
    for (let rest = size; rest; rest >>>= 8) octets.unshift(rest & 0xff);
    return [0x80 | octets.length, ...octets];
  };
  const tlv = (tag, ...parts) => {
    const content = joined(parts);
    return joined([new Uint8Array([tag, ...lengthOf(content.length)]), content]);
  };
  const text = (value) => new TextEncoder().encode(value);
  const oid = (dotted) => {
    const [first, second, ...others] = dotted.split(".").map(Number);
    const octets = [first * 40 + second];
    for (const arc of others) {
      const groups = [arc & 0x7f];
      for (let rest = arc >>> 7; rest; rest >>>= 7) groups.unshift(0x80 | (rest & 0x7f));
      octets.push(...groups);
    }
    return tlv(0x06, new Uint8Array(octets));
  };
  const unsigned = (octets) => {
    let begin = 0;
    while (begin < octets.length - 1 && !octets[begin]) begin += 1;
    const number = octets.slice(begin);
    return tlv(0x02, ...(number[0] & 0x80 ? [new Uint8Array([0])] : []), number);
  };
  const sequence = (...parts) => tlv(0x30, ...parts);
  const bits = (octets) => tlv(0x03, new Uint8Array([0]), octets);
  const pem = (der, label) => {
    const base64 = btoa(Array.from(der, (octet) => String.fromCharCode(octet)).join(""));
    return `-----BEGIN ${label}-----\n${base64.match(/.{1,64}/g).join("\n")}\n-----END ${label}-----\n`;
  };

  // Names

  const ipv4 = (name) => {
    const parts = /^\d{1,3}(\.\d{1,3}){3}$/.test(name) ? name.split(".").map(Number) : [];
    return parts.length === 4 && parts.every((part) => part < 256) ? new Uint8Array(parts) : null;
  };
  const ipv6 = (name) => {
    if (!name.includes(":") || !/^[0-9a-fA-F:.]+$/.test(name)) return null;
    let shortest;
    try {
      shortest = new URL(`http://[${name}]`).hostname.slice(1, -1); // an IPv4 part becomes hexadecimal
    } catch {
      return null;
    }
    const [head, tail] = shortest.split("::").map((side) => (side ? side.split(":") : []));
    const zeros = tail ? new Array(8 - head.length - tail.length).fill("0") : [];
    const groups = [...head, ...zeros, ...(tail ?? [])].map((group) => Number.parseInt(group, 16));
    return new Uint8Array(groups.flatMap((group) => [group >> 8, group & 0xff]));
  };
  const generalName = (name) => {
    const address = ipv4(name) ?? ipv6(name);
    if (address) return tlv(0x87, address);
    if (/[^\x21-\x7e]/.test(name)) throw new Error(`“${name}” has characters that no such name has.`);
    if (name.includes("://")) return tlv(0x86, text(name));
    return tlv(name.includes("@") ? 0x81 : 0x82, text(name));
  };
  const isHost = (name) => /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$/.test(name);

  // The key and the CSR

  const ec = (curve, hash, algorithm) => ({
    key: { name: "ECDSA", namedCurve: curve },
    sign: { name: "ECDSA", hash },
    identifier: sequence(oid(algorithm)),
  });
  const rsa = (size) => ({
    key: { name: "RSASSA-PKCS1-v1_5", modulusLength: size, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
    sign: { name: "RSASSA-PKCS1-v1_5" },
    identifier: sequence(oid("1.2.840.113549.1.1.11"), tlv(0x05)),
  });
  const algorithms = {
    "P-256": ec("P-256", "SHA-256", "1.2.840.10045.4.3.2"),
    "P-384": ec("P-384", "SHA-384", "1.2.840.10045.4.3.3"),
    "RSA-2048": rsa(2048),
    "RSA-3072": rsa(3072),
    "RSA-4096": rsa(4096),
  };
  // WebCrypto gives r and s of ECDSA side by side; X.509 has them as two integers (RFC 3279 section 2.2.3).
  const signature = (octets, algorithm) => {
    if (algorithm.sign.name !== "ECDSA") return octets;
    const half = octets.length / 2;
    return sequence(unsigned(octets.slice(0, half)), unsigned(octets.slice(half)));
  };
  const subject = (name) => (name ? sequence(tlv(0x31, sequence(oid("2.5.4.3"), tlv(0x0c, text(name))))) : sequence());
  const request = async (pair, algorithm, commonName, names) => {
    const spki = new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
    const value = tlv(0x04, sequence(...names.map(generalName)));
    const wanted = sequence(sequence(oid("2.5.29.17"), value));
    const attributes = names.length ? [sequence(oid("1.2.840.113549.1.9.14"), tlv(0x31, wanted))] : [];
    const info = sequence(tlv(0x02, new Uint8Array([0])), subject(commonName), spki, tlv(0xa0, ...attributes));
    const signed = new Uint8Array(await crypto.subtle.sign(algorithm.sign, pair.privateKey, info));
    return sequence(info, algorithm.identifier, bits(signature(signed, algorithm)));
  };

  // The panel

  const status = field("browser-key-status");
  const save = document.createElement("a"); // shown once there is a key
  save.textContent = "Save the private key";
  save.setAttribute("role", "button");
  let saved = true;
  const named = () => field("browser-key-names").value.split(/[\s,;]+/).filter(Boolean);
  const make = async () => {
    const typed = field("browser-key-name").value.trim();
    const names = [...new Set([...(isHost(typed) ? [typed] : []), ...named()])];
    const commonName = [...typed].length <= 64 ? typed : "";
    if (!commonName && !names.length) throw new Error("Enter a common name or a subject alternative name.");
    const algorithm = algorithms[field("browser-key-algorithm").value];
    const pair = await crypto.subtle.generateKey(algorithm.key, true, ["sign", "verify"]);
    const csr = await request(pair, algorithm, commonName, names);
    const key = pem(new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey)), "PRIVATE KEY");
    const stem = (names[0] ?? commonName).replaceAll("*", "_wildcard").replace(/[^A-Za-z0-9._@-]+/g, "_");
    if (save.href) URL.revokeObjectURL(save.href);
    save.href = URL.createObjectURL(new Blob([key], { type: "application/x-pem-file" }));
    save.download = `${stem.replace(/^[.-]+/, "") || "certificate"}-key.pem`;
    field("browser-key-make").after(" ", save);
    saved = false;
    const target = field("csr");
    target.value = pem(csr, "CERTIFICATE REQUEST");
    for (const kind of ["input", "change"]) target.dispatchEvent(new Event(kind, { bubbles: true }));
    status.textContent = names.length
      ? "The key is made, and its CSR is below. Save the key now: only this page has it, until you leave it."
      : "The key is made. Its certificate will have no subject alternative name, so browsers will refuse it. Save the key now.";
    save.focus();
  };
  field("browser-key-make").addEventListener("click", async (event) => {
    event.target.disabled = true;
    status.textContent = "Making the key …";
    try {
      await make();
    } catch (error) {
      status.textContent = error.message;
    } finally {
      event.target.disabled = false;
    }
  });
  save.addEventListener("click", () => {
    saved = true;
    status.textContent = "The key is saved. Nobody else has it, and it cannot be made again.";
  });
  panel.closest("form").addEventListener("submit", (event) => {
    if (saved) return;
    event.preventDefault();
    status.textContent = "Save the key first: this page is the only place that has it.";
    save.focus();
  });
  field("browser-key-algorithm").append(...Object.keys(algorithms).map((name) => new Option(name)));
  panel.hidden = false;
})();
