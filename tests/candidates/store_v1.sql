BEGIN TRANSACTION;
CREATE TABLE candidates (
	id VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	rank INTEGER NOT NULL, 
	"database" VARCHAR NOT NULL, 
	crystal_id VARCHAR NOT NULL, 
	formula VARCHAR NOT NULL, 
	spacegroup INTEGER NOT NULL, 
	spacegroup_symbol VARCHAR NOT NULL, 
	spacegroup_tight INTEGER NOT NULL, 
	point_group VARCHAR NOT NULL, 
	crystal_system VARCHAR NOT NULL, 
	inversion BOOLEAN NOT NULL, 
	undiagnosable BOOLEAN NOT NULL, 
	indicator_group VARCHAR NOT NULL, 
	n_atoms INTEGER NOT NULL, 
	n_electrons INTEGER NOT NULL, 
	p_topological DOUBLE NOT NULL, 
	p_ti DOUBLE NOT NULL, 
	p_tsm DOUBLE NOT NULL, 
	p_trivial DOUBLE NOT NULL, 
	uncertainty DOUBLE NOT NULL, 
	model VARCHAR NOT NULL, 
	p_benchmark DOUBLE, 
	band_gap DOUBLE, 
	e_above_hull DOUBLE, 
	labels JSON NOT NULL, 
	icsd_ids VARCHAR, 
	known JSON NOT NULL, 
	hazards JSON NOT NULL, 
	notes JSON NOT NULL, 
	tokens JSON NOT NULL, 
	lattice JSON NOT NULL, 
	atomic_numbers JSON NOT NULL, 
	frac_coords JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "candidates" VALUES('2dd4298e3d21','5f3a9c1e7b20',1,'topoA','mp-10001','Ag2HgSnSe4',31,'Pmn2_1',31,'mm2','orthorhombic',0,1,'trivial',16,720,0.83,0.61,0.22,0.17,0.06,'discovery',0.01,0.0,0.004,'{"materiae": "Triv_Ins", "tqc": "trivial", "arsenal": "trivial"}','95094','[{"topology": "strong TI", "source": "10.1038/s41586-019-0944-6", "note": "PBE"}]','["the tolerances give different space groups"]','["same prototype as Cu2ZnSnSe4"]','{"spacegroup": "Pmn2_1", "point_group": "mm2", "crystal_system": "orthorhombic", "laue_class": "mmm", "symmetry": "polar", "electrons": 720.0, "electron_bits": "00001011010000", "element:Ag": 0.25, "element:Hg": 0.125, "element:Sn": 0.125, "element:Se": 0.5, "graph:neighbours per atom": 12.0, "graph:nearest": "Sn\u2013Se 2.58 \u00c5"}','[8.42, 0.0, 0.0, 0.0, 7.32, 0.0, 0.0, 0.0, 6.99]','[47, 80, 50, 34]','[0.25, 0.32, 0.0, 0.0, 0.84, 0.99, 0.0, 0.35, 0.42, 0.24, 0.17, 0.6]');
INSERT INTO "candidates" VALUES('7ad8f3a33b85','5f3a9c1e7b20',2,'topoA','mp-10002','Ag2HgSnSe4',31,'Pmn2_1',31,'mm2','orthorhombic',0,1,'trivial',16,720,0.83,0.61,0.22,0.17,0.06,'discovery',NULL,NULL,0.004,'{"materiae": "Triv_Ins", "tqc": "trivial", "arsenal": "trivial"}','95094','[{"topology": "strong TI", "source": "10.1038/s41586-019-0944-6", "note": "PBE"}]','["the tolerances give different space groups"]','["same prototype as Cu2ZnSnSe4"]','{"spacegroup": "Pmn2_1", "point_group": "mm2", "crystal_system": "orthorhombic", "laue_class": "mmm", "symmetry": "polar", "electrons": 720.0, "electron_bits": "00001011010000", "element:Ag": 0.25, "element:Hg": 0.125, "element:Sn": 0.125, "element:Se": 0.5, "graph:neighbours per atom": 12.0, "graph:nearest": "Sn\u2013Se 2.58 \u00c5"}','[8.42, 0.0, 0.0, 0.0, 7.32, 0.0, 0.0, 0.0, 6.99]','[47, 80, 50, 34]','[0.25, 0.32, 0.0, 0.0, 0.84, 0.99, 0.0, 0.35, 0.42, 0.24, 0.17, 0.6]');
CREATE TABLE runs (
	id VARCHAR NOT NULL, 
	created VARCHAR NOT NULL, 
	"database" VARCHAR NOT NULL, 
	database_sha256 VARCHAR NOT NULL, 
	model VARCHAR NOT NULL, 
	model_sha256 VARCHAR NOT NULL, 
	command JSON NOT NULL, 
	funnel JSON NOT NULL, 
	refused JSON NOT NULL, 
	versions JSON NOT NULL, 
	seeds JSON NOT NULL, 
	n_input INTEGER NOT NULL, 
	directory VARCHAR NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES('5f3a9c1e7b20','2025-06-01T09:30:00+00:00','topoA','9d5ed678fe57bcca610140957afab5719d5ed678fe57bcca610140957afab571','discovery','0cc175b9c0f1b6a831c399e2697726610cc175b9c0f1b6a831c399e269772661','["discover", "screen", "--db", "topoA", "--undiagnosable", "-o", "run"]','[{"name": "undiagnosable", "description": "indicator group not trivial", "removed": 900, "left": 90, "enabled": true}, {"name": "odd electrons", "description": "metal by band filling", "removed": 0, "left": 90, "enabled": false}, {"name": "top", "description": "keep the best", "removed": 85, "left": 5, "enabled": true}]','[{"file": "", "id": "mp-7", "reason": "two atoms are 0.1 \u00c5 apart", "remedy": "Correct the file."}]','{"xbert-discovery": "0.1.0", "torch": "2.9.0"}','{"ensemble": 0}',991,'run');
CREATE TABLE store_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "store_schema" VALUES(1);
CREATE INDEX ix_candidates_run_id ON candidates (run_id);
CREATE INDEX ix_candidates_crystal_id ON candidates (crystal_id);
CREATE INDEX ix_candidates_formula ON candidates (formula);
COMMIT;
