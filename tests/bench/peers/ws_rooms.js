// The rooms gateway's language on npm's ws; `enter:R` joins without telling the others.
// Usage: node ws_rooms.js PORT [CERTIFICATE KEY], the latter two for TLS
'use strict';
const fs = require('fs');
const https = require('https');
const { WebSocketServer } = require('ws');

const rooms = new Map();
let last = 0;

function tell(room, text) {
  for (const member of rooms.get(room) || []) member.send(text);
}

function enter(client, room) {
  if (!rooms.has(room)) rooms.set(room, new Set());
  rooms.get(room).add(client);
  client.rooms.add(room);
}

function join(client, room) {
  enter(client, room);
  client.send('Joined room: ' + room);
  tell(room, client.id + ' joined');
}

function publish(client, rest) {
  const colon = rest.indexOf(':');
  if (colon < 0) return;
  const room = rest.slice(0, colon);
  tell(room, `[${room}] ${client.id}: ${rest.slice(colon + 1)}`);
}

const [port, certificate, key] = process.argv.slice(2);
const server = key && https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) });
if (server) server.listen(Number(port), '127.0.0.1');
const options = {
  ...(server ? { server } : { host: '127.0.0.1', port: Number(port) }),
  path: '/rooms',
  perMessageDeflate: false,
  maxPayload: 4 << 20,
};
new WebSocketServer(options).on('connection', (client) => {
  client.id = (++last).toString(16).padStart(16, '0');
  client.rooms = new Set();
  client.send("Connected. Send 'join:<room>' to join a room.");
  client.on('message', (data, isBinary) => {
    if (isBinary) return;
    const text = data.toString();
    if (text.startsWith('join:')) join(client, text.slice(5));
    else if (text.startsWith('enter:')) enter(client, text.slice(6));
    else if (text.startsWith('msg:')) publish(client, text.slice(4));
  });
  client.on('close', () => {
    for (const room of client.rooms) rooms.get(room).delete(client);
  });
});
