#!/usr/bin/env python3
"""Write the golden file that holds Go's vectors against this, the plain form of the recipe.

  pip install numpy
  python golden.py ../../indexing/builtin > ../../indexing/builtin/testdata/golden.json

The argument is the folder that train_table.py wrote. Every text below is invented. Out: for each text its rows in
the table, the length of their sum, the first eight values of the vector, and its cosine with the first text.
"""
import json
import os
import re
import sys

import numpy as np

folder = sys.argv[1]
meta = json.load(open(os.path.join(folder, 'meta.json')))
vocabulary = open(os.path.join(folder, 'vocab.txt')).read().split('\n')[:-1]
table = np.fromfile(os.path.join(folder, 'table.i8'), np.int8).reshape(meta['rows'], meta['dim'])
assert len(vocabulary) == meta['rows'] == meta['wordpiece'] + meta['extra']
piece = {t: i for i, t in enumerate(vocabulary[:meta['wordpiece']])}
extra = {t: meta['wordpiece'] + i for i, t in enumerate(vocabulary[meta['wordpiece']:])}


def words(text):
    text = re.sub(r'([a-z0-9])([A-Z])', r'\1 \2', text)
    text = re.sub(r'([A-Z]+)([A-Z][a-z])', r'\1 \2', text)
    return re.findall(r'[a-z0-9]+', text.lower())


def wordpiece(word):
    """Greedy longest match, as BERT's tokenizer; nothing for what is [UNK]."""
    if len(word) > 100:
        return []
    rows, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            token = ('##' if start else '') + word[start:end]
            if token in piece:
                rows.append(piece[token])
                start = end
                break
        else:
            return []
    return rows


def tokens(text):
    return list(dict.fromkeys(r for w in words(text) for r in ([extra[w]] if w in extra else wordpiece(w))))


def embed(text):
    total = table[tokens(text)].astype(np.int64).sum(0).astype(np.float64)
    norm = np.linalg.norm(total)
    return (total / norm if norm else total), norm


TEXTS = [
    'connection refused while dialing the payment backend',
    '',
    ' \t.,;:!?-_/\\"\'()[]{}<>|@#$%^&*+=~`',
    'Failed to pull image',
    'failed FAILED Failed failed to to pull image image',
    'kubeAPIServer: x509 certificate signed by unknown authority',
    'OOMKilled CrashLoopBackOff ImagePullBackOff ErrImagePull',
    'HTTPServer2Go ABC1d XMLHttpRequest getURLs IDs myPodID aB Ab AB',
    'etcdserver mvcc compaction finished kubelet namespace apiserver',
    'eth0 10.0.0.1:6443 0xdeadbeef v1beta1 1234567890 42 7f9c2b',
    'naïve größe café 连接被拒绝 connection отказ ошибка timeout',
    'na\u0131ve \u212aelvin 5\u212aB \u0130stanbul \u017fecret \ufb01le \u1e9e',
    'emoji \U0001f4a5 crash \u200b zero width\u00a0space',
    'unaffable supercalifragilisticexpialidocious zzyzxqv qwxzj',
    'a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9',
    'x' * 100,
    'x' * 101,
    'before ' + 'longword' * 40 + ' after',
    'Ab' * 60,
    'snake_case_name kebab-case-name dotted.name.here path/to/file.go:123',
    'the of and in to was he is as for on with that it',
    'replicas="3" ready=false reason=Unhealthy probe=readiness',
    'tlsHandshake tlshandshake TLSHandshake TLSHANDSHAKE',
    'disk pressure: evicting pods until 15% of nodefs is available\n\tsecond line\r\nthird',
    'java.lang.NullPointerException at com.example.shop.CartService.checkout(CartService.java:42)',
    'W0101 leaderelection lost; fsync took 1.5s; quorum not reached',
    'http2: server sent GOAWAY and closed the connection',
    'IPv4 IPv6 mTLS gRPC OAuth2 S3 EC2 NodePort PVCs',
    'end\x00of\x01control\x1b[31mred\x1b[0m',
]
# More distinct tokens than fit one round of 16-bit sums.
TEXTS.append(' '.join(vocabulary[i] for i in range(500, 20000, 31) if vocabulary[i].isalpha()))

first, _ = embed(TEXTS[0])
golden = []
for text in TEXTS:
    vector, norm = embed(text)
    golden.append({'text': text, 'rows': tokens(text), 'norm': round(float(norm), 6),
                   'head': [round(float(x), 9) for x in vector[:8]], 'cosine': round(float(vector @ first), 9)})
json.dump({'table': meta['sha256'], 'texts': golden}, sys.stdout, indent=1)
print()
