// The nearest to the rooms gateway on Socket.IO; with a Redis, one of several that share their rooms.
// Usage: node socketio_rooms.js PORT [REDIS_PORT]
'use strict';
const { Server } = require('socket.io');

const minutes = 60000;
const io = new Server({
  transports: ['websocket'],
  pingInterval: 5 * minutes,
  pingTimeout: 5 * minutes,
  connectTimeout: 5 * minutes,
  perMessageDeflate: false,
  httpCompression: false,
  maxHttpBufferSize: 4 << 20,
});
io.on('connection', (socket) => {
  socket.emit('hello', "Connected. Send 'join:<room>' to join a room.");
  socket.on('join', (room) => socket.join(room));
  socket.on('msg', (room, text) => io.to(room).emit('m', `[${room}] ${socket.id}: ${text}`));
});

const [port, redisPort] = process.argv.slice(2).map(Number);

async function shareBy(port) {
  const { createClient } = require('redis');
  const { createAdapter } = require('@socket.io/redis-adapter');
  const publisher = createClient({ socket: { host: '127.0.0.1', port } });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  io.adapter(createAdapter(publisher, subscriber));
}

(redisPort ? shareBy(redisPort) : Promise.resolve()).then(() => io.listen(port));
