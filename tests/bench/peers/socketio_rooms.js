// The nearest to the rooms gateway on Socket.IO. Usage: node socketio_rooms.js PORT
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
io.listen(Number(process.argv[2]));
