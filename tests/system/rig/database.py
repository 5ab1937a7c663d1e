# SPDX-License-Identifier: Apache-2.0
"""Accounts in the embedded database. The server has made the tables; rows are ours."""
import hashlib
import sqlite3

PASSWORD = 'open-sesame'


def add_account(database, user, domain):
    ha1 = hashlib.md5(f'{user}:{domain}:{PASSWORD}'.encode()).hexdigest()
    with sqlite3.connect(database) as connection:
        connection.execute('INSERT OR IGNORE INTO domain (domain) VALUES (?)', (domain,))
        connection.execute(
            'INSERT INTO subscriber (username, domain, password, ha1) VALUES (?, ?, ?, ?)', (user, domain, PASSWORD, ha1)
        )
    connection.close()


def credentials(user):
    """For SIPp."""
    return f'[authentication username={user} password={PASSWORD}]'
