"""Files around a Wannier Hamiltonian: wannier90's, WannierTools' and irrep's, in and out."""
